import { type ChunkKind, jobKindOf } from "../plan/delta";

/** What an import job is about, apart from its users. */
export interface JobRequest {
  readonly connectionId: string;
  readonly kind: ChunkKind;
  readonly externalId: string;
  readonly sendCompletionEmail: boolean;
}

/** The name of the file part: users are nowhere named in what a proxy might log. */
export const USERS_FILE = "users.json";

/**
 * The bytes of a submission's body that are not the array of users: the other parts and the boundaries, as `FormData`
 * writes them. Measured on the real encoder, not computed: its boundary has a length of its own.
 */
export async function requestOverhead(request: JobRequest): Promise<number> {
  const form = new FormData();
  form.append("users", new Blob([], { type: "application/json" }), USERS_FILE);
  form.append("connection_id", request.connectionId);
  form.append("upsert", String(jobKindOf(request.kind) === "upsert"));
  form.append("external_id", request.externalId);
  form.append("send_completion_email", String(request.sendCompletionEmail));
  return (await new Response(form).arrayBuffer()).byteLength;
}
