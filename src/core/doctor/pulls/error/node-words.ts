import type { Words } from "../../../evidence/describe-answer.ts";
import type { FindingPlace, Severity } from "../../finding.ts";

/** What an error text says of the node's own files. */
export interface NodeWords extends Words {
  /** Where the text does not name a file. */
  readonly where?: FindingPlace;
  /** What it means for pulls where the model is not asked. */
  readonly consequence: string;
  /** error, where it is not told. */
  readonly severity?: Severity;
}
