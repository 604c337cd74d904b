import { ApiError, invalidBody } from "./apiError";

/** The parts of a users-imports request. */
export interface ImportForm {
  users: string;
  connectionId: string;
  upsert?: boolean;
  externalId?: string;
  sendCompletionEmail?: boolean;
}

/** @throws ApiError 400 or 415 for anything but the form that the endpoint takes. */
export async function parseImportForm(body: ArrayBuffer, contentType: string): Promise<ImportForm> {
  if (!contentType.startsWith("multipart/form-data")) throw new ApiError(415, "Unsupported Media Type");
  let form: FormData;
  try {
    form = await new Response(body, { headers: { "content-type": contentType } }).formData();
  } catch {
    throw new ApiError(400, "Payload validation error: 'Invalid multipart payload format'.", "invalid_body");
  }
  const known = ["users", "connection_id", "upsert", "external_id", "send_completion_email"];
  const unknown = [...form.keys()].find((key) => !known.includes(key));
  if (unknown !== undefined) throw invalidBody(`Additional properties not allowed: ${unknown}`);

  const connectionId = textPart(form, "connection_id");
  if (connectionId === undefined) throw missingPart("'connection_id'");
  const pattern = "^con_[A-Za-z0-9]{16}$";
  if (!new RegExp(pattern).test(connectionId)) {
    throw invalidBody(`String does not match pattern ${pattern}`, "connection_id");
  }
  const users = form.get("users");
  if (users === null) throw missingPart("'users' file");
  if (typeof users === "string") throw invalidBody("Expected type file but found type string", "users");

  const file = await users.text();
  if (file.trim() === "") throw new ApiError(400, "Users file must not be empty.", "invalid_body");
  const externalId = textPart(form, "external_id");
  const upsert = booleanPart(form, "upsert");
  const sendCompletionEmail = booleanPart(form, "send_completion_email");
  return {
    users: file,
    connectionId,
    ...(externalId !== undefined && { externalId }),
    ...(upsert !== undefined && { upsert }),
    ...(sendCompletionEmail !== undefined && { sendCompletionEmail }),
  };
}

function missingPart(part: string): ApiError {
  return new ApiError(400, `Must provide ${part} as multipart part.`, "invalid_body");
}

function textPart(form: FormData, name: string): string | undefined {
  const value = form.get(name);
  if (value !== null && typeof value !== "string") throw invalidBody("Expected type string but found type file", name);
  return value ?? undefined;
}

function booleanPart(form: FormData, name: string): boolean | undefined {
  const value = textPart(form, name);
  if (value === undefined) return undefined;
  if (value !== "true" && value !== "false") throw invalidBody("Expected type boolean but found type string", name);
  return value === "true";
}
