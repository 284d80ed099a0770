// Named here, for a bundler makes only `default` of a CommonJS package that is imported dynamically.
export { Client, credentials, Metadata, status } from "@grpc/grpc-js";
export { fromJSON, load } from "@grpc/proto-loader";
