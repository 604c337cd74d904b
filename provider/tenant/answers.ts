import { z } from "zod";
import { RulingOptions } from "../schema/connectionRules";

// What the service answers, as far as it is read.

/** A job as the service tells it. Unknown attributes are ignored: the service may add some. */
export const JobStatus = z.object({
  id: z.string(),
  status: z.enum(["pending", "processing", "completed", "failed", "expired"]),
  percentage_done: z.number().optional(),
  time_left_seconds: z.number().optional(),
  status_details: z.string().optional(),
  connection: z.string().optional(),
  /** Of the file of a finished export. The link lasts 60 seconds, and each question about the job gives a new one. */
  location: z.string().optional(),
  summary: z.object({ failed: z.number(), updated: z.number(), inserted: z.number(), total: z.number() }).optional(),
});
export type JobStatus = z.infer<typeof JobStatus>;

/** One user that a job refused, as the service tells it: the user as sent (secrets masked), and why. */
export const JobError = z.object({
  user: z.record(z.string(), z.unknown()),
  errors: z.array(
    z.object({
      code: z.string().optional(),
      message: z.string().optional(),
      path: z.string().optional(),
    }),
  ),
});
export type JobError = z.infer<typeof JobError>;

/** A user of the tenant, as far as it tells whether it is one that we imported, and whether the email is verified. */
export const TenantUser = z.object({
  user_id: z.string(),
  email: z.string().optional(),
  email_verified: z.boolean().optional(),
  created_at: z.string().optional(),
  identities: z
    .array(z.object({ connection: z.string().optional(), user_id: z.string().optional().catch(undefined) }))
    .optional(),
});
export type TenantUser = z.infer<typeof TenantUser>;

/** A user with all that can be read: Auth0's names of attributes, and JSON. */
export const WholeUser = z.record(z.string(), z.unknown());
export type WholeUser = z.infer<typeof WholeUser>;

const flag = z.boolean().optional().catch(undefined);

/** A connection, as far as it tells whether it takes imports, and of whom. */
export const Connection = z.object({
  name: z.string(),
  strategy: z.string(),
  options: RulingOptions.extend({ enabledDatabaseCustomization: flag, import_mode: flag }).catch({}),
});
export type Connection = z.infer<typeof Connection>;
