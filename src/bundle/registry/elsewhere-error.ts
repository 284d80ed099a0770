import { RegistryError } from "../../registry/registry-error.ts";

/** It is about a host that the registry leads to, such as its storage: that says nothing about the registry itself. */
export class ElsewhereError extends RegistryError {
  constructor({ facts, cause }: RegistryError) {
    super(facts, cause);
  }
}
