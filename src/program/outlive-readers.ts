/** Hours of work are not ended because nobody reads any more what is told of them: their exit code tells the end. */
export function outliveReaders(): void {
  process.stderr.on("error", () => {});
}
