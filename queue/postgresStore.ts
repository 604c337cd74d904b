import type { Pool } from "pg";
import type { PieceStore } from "./store";

/** Any number; all processes that make the table take the same one. */
const LOCK = 4_806_012;

/** Pieces as rows of a table in the schema `auth0_user_import`. What has run out goes whenever something is put. */
export class PostgresStore implements PieceStore {
  private constructor(
    private readonly pool: Pool,
    private readonly queue: string,
  ) {}

  static async open(pool: Pool, queue: string): Promise<PostgresStore> {
    const client = await pool.connect();
    try {
      // «IF NOT EXISTS» fails where two make it at one time.
      await client.query("BEGIN");
      await client.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
      await client.query("CREATE SCHEMA IF NOT EXISTS auth0_user_import");
      await client.query(
        "CREATE TABLE IF NOT EXISTS auth0_user_import.pieces (queue text NOT NULL, name text NOT NULL, piece int NOT NULL, data bytea NOT NULL, expires timestamptz NOT NULL, PRIMARY KEY (queue, name, piece))",
      );
      await client.query("COMMIT");
    } catch (error) {
      await client.query("ROLLBACK").catch(() => {});
      throw error;
    } finally {
      client.release();
    }
    return new PostgresStore(pool, queue);
  }

  async put(name: string, pieces: readonly Buffer[], seconds: number): Promise<void> {
    await this.pool.query("DELETE FROM auth0_user_import.pieces WHERE expires < now()");
    for (const [i, piece] of pieces.entries()) {
      await this.pool.query(
        "INSERT INTO auth0_user_import.pieces VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5)) ON CONFLICT (queue, name, piece) DO UPDATE SET expires = excluded.expires",
        [this.queue, name, i, piece, seconds],
      );
    }
  }

  async get(name: string): Promise<Buffer[]> {
    const { rows } = await this.pool.query<{ data: Buffer }>(
      "SELECT data FROM auth0_user_import.pieces WHERE queue = $1 AND name = $2 AND expires >= now() ORDER BY piece",
      [this.queue, name],
    );
    return rows.map(({ data }) => data);
  }

  async keepFor(name: string, _pieces: number, seconds: number): Promise<void> {
    const which = [this.queue, name];
    if (seconds === 0) {
      await this.pool.query("DELETE FROM auth0_user_import.pieces WHERE queue = $1 AND name = $2", which);
      return;
    }
    await this.pool.query(
      "UPDATE auth0_user_import.pieces SET expires = now() + make_interval(secs => $3) WHERE queue = $1 AND name = $2",
      [...which, seconds],
    );
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}
