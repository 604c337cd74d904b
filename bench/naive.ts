import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 1_000;

/** What the documentation calls the limit: 500 KB. */
const FILE_BYTES = 500_000;

/**
 * What one writes first: files of 500 KB, as many jobs at a time as there are slots, each looked at every second.
 *
 * @returns how many users were imported
 */
export async function importNaively(
  url: string,
  connectionId: string,
  users: readonly object[],
  slots: number,
): Promise<number> {
  const signIn = await answerOf<{ access_token: string }>(
    fetch(`${url}/oauth/token`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        grant_type: "client_credentials",
        client_id: "emulator",
        client_secret: "emulator",
        audience: `${url}/api/v2/`,
      }),
    }),
  );
  const headers = { authorization: `Bearer ${signIn.access_token}` };
  const files = splitIntoFiles(users);
  let imported = 0;

  const worker = async () => {
    for (const file of files) {
      const form = new FormData();
      form.append("users", new Blob([file], { type: "application/json" }), "users.json");
      form.append("connection_id", connectionId);
      let job = await answerOf<Job>(fetch(`${url}/api/v2/jobs/users-imports`, { method: "POST", headers, body: form }));
      while (job.status === "pending" || job.status === "processing") {
        await sleep(POLL_MS);
        job = await answerOf<Job>(fetch(`${url}/api/v2/jobs/${job.id}`, { headers }));
      }
      imported += job.summary?.inserted ?? 0;
    }
  };
  await Promise.all(Array.from({ length: slots }, worker));
  return imported;
}

function* splitIntoFiles(users: readonly object[]): Generator<string> {
  let records: string[] = [];
  let bytes = 0;
  for (const user of users) {
    const record = JSON.stringify(user);
    if (bytes + record.length > FILE_BYTES) {
      yield `[${records.join(",")}]`;
      records = [];
      bytes = 0;
    }
    records.push(record);
    bytes += record.length + 1;
  }
  if (records.length > 0) yield `[${records.join(",")}]`;
}

interface Job {
  readonly id: string;
  readonly status: string;
  readonly summary?: { readonly inserted: number };
}

async function answerOf<T>(sent: Promise<Response>): Promise<T> {
  const response = await sent;
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
