import { z } from "zod";
import { askOnce } from "./askOnce";
import { TenantError } from "./errors";
import type { Application } from "./signIn";

/** What is known of a user before a sign-in. `unseen`: not found by the search, which lags behind. */
export type Earlier = "signedIn" | "never" | "absent" | "unseen";

/** A username may hold an @, but is no email address. */
const EMAIL = /^[^@]+@[^@]+\.[^@]+$/;

const Token = z.object({ access_token: z.string() });

const Users = z.array(
  z.object({
    logins_count: z.number().optional(),
    last_login: z.unknown().optional(),
    identities: z.array(z.object({ connection: z.string().optional() })).optional(),
  }),
);

/** Tells who has signed in before, by the Management API. */
export class EarlierSignIns {
  private constructor(
    private readonly origin: string,
    private readonly token: string,
  ) {}

  /**
   * @param apiToken a token of the Management API; where there is none, the application asks for one
   * @param audience of that token; the tenant's Management API where it is not given
   * @returns `undefined` where the application gets none
   */
  static async of(
    { origin, clientId, clientSecret }: Application,
    { apiToken, audience = `${origin}/api/v2/` }: { readonly apiToken?: string; readonly audience?: string },
  ): Promise<EarlierSignIns | undefined> {
    if (apiToken !== undefined) return new EarlierSignIns(origin, apiToken);
    const body = new URLSearchParams({
      grant_type: "client_credentials",
      client_id: clientId,
      client_secret: clientSecret,
      audience,
    });
    const { status, answer } = await askOnce(origin, "/oauth/token", "asking for a token", { method: "POST", body });
    const token = Token.safeParse(answer);
    if (status === 200 && token.success) return new EarlierSignIns(origin, token.data.access_token);
    if (status >= 400 && status < 429) return undefined;
    throw new TenantError(`${new URL(origin).host} answered with HTTP ${status} while asking for a token.`, status);
  }

  /**
   * @returns `undefined` where the token does not allow to look: it lacks `read:users`
   * @throws {@link TenantError}
   */
  async find(username: string, connection: string): Promise<Earlier | undefined> {
    const isEmail = EMAIL.test(username);
    const query = new URLSearchParams(
      isEmail
        ? // The store's own emails are in lower case, and so are looked for.
          { email: username.toLowerCase() }
        : { q: `username:${quoted(username.toLowerCase())} OR phone_number:${quoted(username)}`, search_engine: "v3" },
    );
    query.set("fields", "logins_count,last_login,identities");
    query.set("include_fields", "true");
    const path = `/api/v2/${isEmail ? "users-by-email" : "users"}?${query}`;
    const headers = { authorization: `Bearer ${this.token}` };
    const { status, answer } = await askOnce(this.origin, path, "looking a user up", { headers });
    if (status === 403) return undefined;
    const users = Users.safeParse(answer);
    if (status !== 200 || !users.success) {
      const why = status === 401 ? "refused the token (AUTH0_API_TOKEN)" : `answered with HTTP ${status}`;
      throw new TenantError(`${new URL(this.origin).host} ${why} while looking a user up.`, status);
    }
    const found = users.data.filter(({ identities }) => identities?.some((each) => each.connection === connection));
    if (found.length === 0) return isEmail ? "absent" : "unseen";
    const hasSignedIn = found.some(({ logins_count = 0, last_login }) => logins_count > 0 || last_login != null);
    return hasSignedIn ? "signedIn" : "never";
  }
}

/** For a term of the search's language. */
function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}
