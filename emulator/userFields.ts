import isEmail from "validator/lib/isEmail";
import { z } from "zod";

/** An address as the service checks it. */
export const emailFormat = z
  .string()
  .refine((email) => isEmail(email), "Object didn't pass validation for format email");

/** Wider than that of an import. */
export const phoneNumber = z.string().regex(/^\+[0-9]{1,15}$/, "String does not match pattern ^\\+[0-9]{1,15}$");
