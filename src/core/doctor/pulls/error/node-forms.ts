import { CONFIG_FORMS } from "./config-forms.ts";
import { type ErrorForm, firstGroup } from "./error-form.ts";
import { HOSTS_FORMS } from "./hosts-forms.ts";

/** Errors that no host has a part in: the node's own files, the pod, and containerd itself. */
export const NODE_FORMS: readonly ErrorForm[] = [
  ...CONFIG_FORMS,
  ...HOSTS_FORMS,
  {
    pattern: /failed to parse image reference "([^"]+)"|invalid reference format/,
    code: "image-name-refused",
    detail: firstGroup,
    source: "pkg/cri/server/image_pull.go, github.com/distribution/reference",
  },
];
