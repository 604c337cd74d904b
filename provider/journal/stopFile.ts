/** The file whose appearance asks the process that drives a journal to stop. */
export function stopFile(journalFile: string): string {
  return `${journalFile}.stop`;
}
