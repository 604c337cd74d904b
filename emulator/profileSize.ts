import type { Assumptions } from "./assumptions";
import type { User } from "./userStore";

/** Auth0's limit of a profile. How it measures is not told: here, the JSON of what is shown of it [assumed]. */
const limit = 10 * 1024;
/** Until then bigger ones are written all the same, and the tenant's log has a warning. */
const allowedUntil = Date.parse("2027-03-04T00:00:00Z");
const mostBytesOfCharacter = 3;

export function isTooLarge(user: User, { profileAllowance }: Assumptions, now: number): boolean {
  if (profileAllowance && now < allowedUntil) return false;
  // Few need a closer look.
  if (user.attributes.length * mostBytesOfCharacter < limit) return false;
  const { password, password_hash, custom_password_hash, mfa_factors, ...shown } = JSON.parse(user.attributes);
  return Buffer.byteLength(JSON.stringify(shown)) > limit;
}
