/** What a bundle may have at the most. Real ones, of thousands of images, stay far below. */
export const BUNDLE_LIMITS = {
  /** Entries of all archives in a bundle that are remembered, and files of a folder. */
  entries: 400_000,
  /** Bytes of an index or a manifest: registries take 4 MiB. */
  documentBytes: 4 * 1024 * 1024,
  /** Bytes of index.json, manifest.json and auto.sh, which name all images. */
  listBytes: 32 * 1024 * 1024,
  /** Bytes of documents that are kept while a stream passes. */
  keptBytes: 128 * 1024 * 1024,
  /** Characters of a path in an archive. */
  pathLength: 4_096,
  /** Bytes of the headers that lead up to one entry: pax records, long names. */
  headerBytes: 1024 * 1024,
  /** Such headers before one entry. */
  headersBefore: 8,
  /** Links that lead to links. */
  linkHops: 8,
  /** Links to folders of what an image is made of. */
  linkedFolders: 16,
  /** Archives in archives. */
  nesting: 3,
  /** Files of an archive in an archive, of which one at least has to have a name that bundles have. */
  probed: 256,
  /** Archives in archives that are decompressed, each by a decoder of its own. */
  decoders: 20_000,
  /** Indexes in indexes. */
  indexDepth: 8,
  /** Bytes after the end of an archive: filling up to a record of a tape. */
  afterEnd: 64 * 1024 * 1024,
  /** Problems that are told. */
  problems: 200,
} as const;
