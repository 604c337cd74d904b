export interface RecordProblem {
  readonly code: string;
  readonly path: string;
  readonly message: string;
  readonly severity: "error" | "warning";
}
export function problemsOf(_user: Record<string, unknown>): RecordProblem[] {
  return [];
}
