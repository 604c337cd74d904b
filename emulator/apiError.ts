import { STATUS_CODES } from "node:http";
import type { ContentfulStatusCode } from "hono/utils/http-status";

/** An answer of the Management API other than success, in the API's own shape. */
export class ApiError extends Error {
  constructor(
    readonly status: ContentfulStatusCode,
    message: string,
    readonly errorCode?: string,
  ) {
    super(message);
  }

  /** The JSON body that goes with the status. */
  body(): Record<string, unknown> {
    return {
      statusCode: this.status,
      error: this.status === 413 ? "Request Entity Too Large" : STATUS_CODES[this.status],
      message: this.message,
      ...(this.errorCode && { errorCode: this.errorCode }),
    };
  }
}

/** 400 as the API words it when a request doesn't fit its schema. */
export function invalidBody(problem: string, property?: string): ApiError {
  const where = property ? ` on property ${property}` : "";
  return new ApiError(400, `Payload validation error: '${problem}'${where}`, "invalid_body");
}
