/** How a bundle is compressed. */
export type BundleCompression = "none" | "zstd" | "gzip" | "xz";
