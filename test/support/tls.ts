import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** PEM text. */
export interface LabCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A private certificate authority that nothing on the machine trusts. */
export interface LabCa {
  /** PEM text of its certificate, for `ca = …`. */
  readonly cert: string;
  /** For servers; names and addresses go into the subject alternative names. Default: 127.0.0.1, ::1, localhost. */
  issueServer(options?: {
    readonly hosts?: readonly string[];
    readonly expired?: boolean;
    /** Default: long after the CA. */
    readonly ends?: Date;
  }): Promise<LabCertificate>;
  /** `uri`: a name of that kind, as a node of a fleet has one. */
  issueClient(
    name: string,
    options?: { readonly expired?: boolean; readonly uri?: string },
  ): Promise<LabCertificate>;
}

export async function createCa(name = "lab CA"): Promise<LabCa> {
  const ca = await inTempDirectory(async (dir) => {
    await openssl(dir, [
      "req",
      "-x509",
      ...newKey("key"),
      "-subj",
      `/CN=${name}`,
      "-days",
      "2",
      "-out",
      "cert",
    ]);
    return readPair(dir);
  });
  return {
    cert: ca.cert,
    issueServer: ({ hosts = ["127.0.0.1", "::1", "localhost"], expired = false, ends } = {}) => {
      const names = hosts.map((host) => `${isIP(host) === 0 ? "DNS" : "IP"}:${host}`).join(",");
      return issue(ca, "server", `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`, expired, ends);
    },
    issueClient: (subject, { expired = false, uri } = {}) => {
      const name = uri === undefined ? "" : `subjectAltName=URI:${uri}\n`;
      return issue(ca, subject, `${name}extendedKeyUsage=clientAuth\n`, expired);
    },
  };
}

/** A certificate that signed itself, without any extension but those that `more` adds in openssl's words. */
export async function createSelfSigned(
  commonName: string,
  ...more: readonly string[]
): Promise<LabCertificate> {
  return inTempDirectory(async (dir) => {
    // The machine's own configuration would add extensions.
    await writeFile(join(dir, "config"), "[req]\ndistinguished_name=dn\n[dn]\n");
    const subject = ["-subj", `/CN=${commonName}`, "-days", "2", "-out", "cert"];
    await openssl(dir, ["req", "-x509", "-config", "config", ...newKey("key"), ...subject, ...more]);
    return readPair(dir);
  });
}

function issue(
  ca: LabCertificate,
  subject: string,
  extensions: string,
  expired: boolean,
  ends?: Date,
): Promise<LabCertificate> {
  return inTempDirectory(async (dir) => {
    await writeFile(join(dir, "ca.crt"), ca.cert);
    await writeFile(join(dir, "ca.key"), ca.key);
    await writeFile(join(dir, "extensions"), `basicConstraints=CA:false\n${extensions}`);
    await writeFile(join(dir, "index"), "");
    await writeFile(join(dir, "ca.conf"), caConfig);
    await openssl(dir, ["req", ...newKey("key"), "-subj", `/CN=${subject}`, "-out", "request"]);
    const [start, end] = expired
      ? ["20200101000000Z", "20200201000000Z"]
      : ["20200101000000Z", ends?.toISOString().replace(/[-:T]|\.\d+/g, "") ?? "20900101000000Z"];
    const dates = ["-startdate", start, "-enddate", end];
    const files = ["-in", "request", "-out", "cert", "-extfile", "extensions"];
    await openssl(dir, ["ca", "-batch", "-notext", "-config", "ca.conf", ...dates, ...files]);
    return readPair(dir);
  });
}

// `openssl ca` and not `x509 -req`: only it takes a start and an end on OpenSSL 3.0.
const caConfig = `[ca]
default_ca = lab
[lab]
database = index
new_certs_dir = .
certificate = ca.crt
private_key = ca.key
default_md = sha256
rand_serial = yes
policy = any
[any]
commonName = supplied
`;

function newKey(file: string): readonly string[] {
  return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file];
}

async function readPair(dir: string): Promise<LabCertificate> {
  return { cert: await readFile(join(dir, "cert"), "utf8"), key: await readFile(join(dir, "key"), "utf8") };
}

async function openssl(cwd: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)("openssl", args, { cwd });
}

async function inTempDirectory<T>(body: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "mirrorlet-tls-"));
  try {
    return await body(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}
