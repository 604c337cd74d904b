import isEmail from "validator/lib/isEmail";
import { error, warning } from "./rule";

const LOCAL = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";

/** The common form of an e-mail address, which nobody refuses. Costs a fraction of `isEmail`. */
export const PLAIN_ADDRESS = new RegExp(
  `^(?=[^@]{1,64}@.{1,189}$)${LOCAL}(?:\\.${LOCAL})*@(?:${LABEL}\\.)+[A-Za-z]{2,63}$`,
);

export const MAX_EMAIL = 254;

/** No more than 64 characters before the last `@`. */
export const SHORT_LOCAL = /^(?:.{0,64}@[^@]*|[^@]*)$/s;

/** Auth0's schema says `format: email`. */
const NONE = error("FORMAT", "must be an e-mail address");
const ADDRESS = /^(?:"(?:[^"\\]|\\.)*"|[^\s"@]+)@[^\s@]+$/;

const refused = (what: string) => warning("FORMAT", `${what}, which Auth0 refuses`);

const OTHER = refused("is an e-mail address of an unusual form");
const MANY_BYTES = refused("has more than 64 bytes before its @");

/** What is wrong before the `@`, in the order in which it is looked for. */
const LOCAL_FAULTS: readonly [RegExp, string][] = [
  [/^\.|\.\.|\.$/, refused("has a dot at the beginning or the end of the part before its @, or two in a row")],
  [/["\\(),:;<>@[\]\s]/, refused("has a character before its @ that needs quotes around it all")],
];

/** And behind it. */
const DOMAIN_FAULTS: readonly [RegExp, string][] = [
  [/^(?:\d{1,3}(?:\.\d{1,3}){3}|\[.*\])$/s, refused("has an IP address in place of a domain")],
  [/^\.|\.\.|\.$/, refused("has a dot at the beginning or the end of its domain, or two in a row")],
  [/^[^.]*$/, refused("has a domain without a dot")],
  [/_/, refused("has an underscore in its domain")],
  [/[^.]{64}/, refused("has a part of its domain that is longer than 63 characters")],
  [/(?:^|\.)-|-(?:\.|$)/, refused("has a part of its domain that begins or ends with a hyphen")],
  // A country's name in another script is written `xn--…` or in that script.
  [/\.(?!xn)[^.]*[\d-][^.]*$/i, refused("has a digit or a hyphen behind the last dot of its domain")],
  [/\.[^.]$/, refused("has one letter behind the last dot of its domain")],
];

/**
 * What is wrong with an e-mail address, as a rule's text; `undefined` where Auth0 takes it. Auth0 checks addresses with
 * the function `isEmail` of the npm package `validator`, in its default options (Auth0 staff, of its API).
 */
export function emailFault(address: string): string | undefined {
  if (PLAIN_ADDRESS.test(address) || isEmail(address)) return undefined;
  if (!ADDRESS.test(address)) return NONE;
  // Its length is another rule's.
  if (address.length > MAX_EMAIL || !SHORT_LOCAL.test(address)) return undefined;
  const at = address.lastIndexOf("@");
  const [local, domain] = [address.slice(0, at), address.slice(at + 1)];
  const [, fault] =
    DOMAIN_FAULTS.find(([pattern]) => pattern.test(domain)) ??
    LOCAL_FAULTS.find(([pattern]) => pattern.test(local)) ??
    [];
  return fault ?? (Buffer.byteLength(local) > 64 ? MANY_BYTES : OTHER);
}
