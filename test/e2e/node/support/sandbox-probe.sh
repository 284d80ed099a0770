# Tries, inside of a unit's sandbox, what it should keep a process from; a line for each that was possible.
# CONTAINERD is the pid of containerd.
try() {
  name=$1
  shift
  if sh -c "$1" >/dev/null 2>&1; then echo "$name"; fi
}
try "write /run" 'echo x >/run/probe'
try "write /usr" 'echo x >/usr/probe'
try "write /etc" 'echo x >/etc/probe'
try "write /etc/passwd" 'echo >>/etc/passwd'
try "write /root" 'echo x >/root/probe'
try "write /var/lib" 'echo x >/var/lib/probe'
try "write units" 'echo >/etc/systemd/system/probed.service'
try "write config.toml" ': >>/etc/containerd/config.toml'
try "write /etc/containerd" 'echo >/etc/containerd/probe'
try "write certs.d" 'mkdir /etc/containerd/certs.d/probe && rmdir /etc/containerd/certs.d/probe'
try "remove what others have in certs.d" 'rm /etc/containerd/certs.d/foreign/hosts.toml'
try "rename what others have in certs.d" 'mv /etc/containerd/certs.d/foreign /etc/containerd/certs.d/moved && mv /etc/containerd/certs.d/moved /etc/containerd/certs.d/foreign'
try "read /root" 'cat /root/secret'
try "read /etc/shadow" 'cat /etc/shadow'
try "mount" 'mount -t tmpfs tmpfs /mnt'
try "remount" 'mount -o remount,rw,bind /usr'
try "user namespace" 'unshare --user true'
try "network namespace" 'unshare --net true'
try "setuid bit" 'cp /bin/true /tmp/true && chmod u+s /tmp/true && test -u /tmp/true'
try "kernel log" 'timeout 2 head -c 1 /dev/kmsg'
try "sysctl" 'cat /proc/sys/kernel/panic >/proc/sys/kernel/panic'
try "control groups" 'mkdir /sys/fs/cgroup/systemd/probe'
try "device node" 'mknod /tmp/null c 1 3'
try "chown" 'touch /tmp/probe && chown 1234 /tmp/probe'
try "chroot" 'chroot / true'
try "D-Bus: systemd-run" 'timeout 10 systemd-run --quiet --wait touch /etc/escaped'
try "D-Bus: call systemd" 'busctl --timeout=5 call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager ListJobs'
try "containerd's socket" 'ctr --connect-timeout 2s version'
try "signal to containerd" 'kill -0 $CONTAINERD'
try "containerd's environment" 'head -c 1 /proc/$CONTAINERD/environ'
try "containerd's root" 'ls /proc/$CONTAINERD/root/root'
try "trace containerd" 'timeout -s INT 2 strace -qq -o /tmp/trace -p $CONTAINERD; test -s /tmp/trace'
try "packet socket" "perl -MSocket -e 'socket(my \$s, 17, SOCK_RAW, 0) or exit 1'"
try "internet socket" "perl -MSocket -e 'socket(my \$s, AF_INET, SOCK_STREAM, 0) or exit 1'"
try "privileged port" "perl -MIO::Socket::INET -e 'IO::Socket::INET->new(LocalAddr => q(127.0.0.1:81), Listen => 1) or exit 1'"
try "helper's socket" "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Peer => q(/run/mirrorlet-helper.sock)) or exit 1'"
# mmap(2) by its number on amd64: read, write and execute; private, anonymous.
try "memory written and run" "perl -e 'exit(syscall(9, 0, 4096, 7, 34, -1, 0) == -1)'"
