/** Registries that everybody knows: images of these never have a port, and nobody's own CA signed for them. */
export const PUBLIC_REGISTRIES: readonly string[] = [
  "docker.io",
  "gcr.io",
  "k8s.gcr.io",
  "registry.k8s.io",
  "quay.io",
  "ghcr.io",
  "mcr.microsoft.com",
  "public.ecr.aws",
  "registry.gitlab.com",
  "nvcr.io",
  "docker.elastic.co",
  "registry.access.redhat.com",
  "registry.redhat.io",
  "icr.io",
  "lscr.io",
  "cgr.dev",
];

const DOCKER_HUB = new Set([
  "docker.io",
  "registry-1.docker.io",
  "index.docker.io",
  "hub.docker.com",
  "registry.hub.docker.com",
  "docker.com",
  "www.docker.com",
]);

/** The names of Docker Hub that are web pages and no registry. */
export const DOCKER_WEBSITES: ReadonlySet<string> = new Set([
  "docker.io",
  "index.docker.io",
  "hub.docker.com",
  "docker.com",
  "www.docker.com",
]);

export function isDockerHub(host: string): boolean {
  return DOCKER_HUB.has(host);
}

export function isPublicRegistry(host: string): boolean {
  return isDockerHub(host) || PUBLIC_REGISTRIES.includes(host);
}

/** Whether requests to the host are requests to the registry itself, whatever it is called there. */
export function isRegistryItself(host: string, namespace: string): boolean {
  return host === namespace || (isDockerHub(host) && namespace === "docker.io");
}
