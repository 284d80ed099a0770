import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { fromJSON, load } from "@grpc/proto-loader";

/*
 * Loaded dynamically, at the first call. Each is named, for of a CommonJS package that is itself imported dynamically a
 * bundle has only `default`.
 */

export const grpc = { Client, credentials, Metadata, status };
export const loader = { fromJSON, load };
