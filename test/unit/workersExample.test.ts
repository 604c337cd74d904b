import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { workerCommand } from "../../cli/worker";
import { parseQueueUrl } from "../../queue/queueUrl";

const ROOT = path.resolve(__dirname, "../../..");
const read = (file: string) => readFileSync(path.join(ROOT, file), "utf8");

interface Service {
  readonly command: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: readonly string[];
  readonly volumes?: readonly string[];
  readonly working_dir?: string;
}

interface Compose {
  readonly services: Readonly<Record<"queue" | "worker", Service>>;
  readonly volumes: object;
}

describe("what the documentation says of workers", () => {
  const command = workerCommand();
  const options = new Map(command.options.map((option) => [option.long, option]));

  it("are the command's own options, with their defaults", () => {
    const rows = read("docs/workers.md").matchAll(/^\| `(--\w+) \w+` \| (`?)([^`|]+)\2 \|/gm);
    const told = [...rows].map(([, name = "", , usual = ""]) => [name, usual]);
    assert.deepEqual(
      told,
      [...options].map(([name, { defaultValue, envVar }]) => [name, String(defaultValue ?? envVar)]),
    );
  });

  it("is how compose.yaml starts them, beside a queue that they reach", () => {
    const { services, volumes } = parse(read("examples/workers/compose.yaml")) as Compose;
    const { queue, worker } = services;
    const [program = "", name, ...flags] = worker.command.split(" ");
    const { bin } = JSON.parse(read("package.json")) as { bin: Record<string, string> };
    assert.deepEqual([path.dirname(program), name], ["node_modules/.bin", command.name()]);
    assert.ok(path.basename(program) in bin);
    for (const flag of flags.filter((each) => each.startsWith("--"))) assert.ok(options.has(flag), flag);
    assert.deepEqual(worker.volumes, [`.:${worker.working_dir}`]);

    const environment = worker.environment ?? {};
    const credentials = ["AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET"];
    assert.deepEqual(Object.keys(environment), [options.get("--queue")?.envVar, ...credentials]);
    for (const each of credentials) assert.equal(environment[each], `\${${each}}`);
    const [service] = worker.depends_on ?? [];
    const { kind, href } = parseQueueUrl((environment.AUTH0_USER_IMPORT_QUEUE ?? "").replace(/\$\{\w+\}/, "password"));
    assert.deepEqual([kind, new URL(href).hostname, new URL(href).password], ["redis", service, "password"]);
    assert.equal(service && service in services, true);
    const password = /\$\{\w+\}/.exec(environment.AUTH0_USER_IMPORT_QUEUE ?? "")?.[0];
    assert.ok(queue.command.includes(`--requirepass ${password}`));
    // Else jobs vanish, and what a killed server had said to have written.
    assert.match(queue.command, /^redis-server .*--appendonly yes .*--maxmemory-policy noeviction/);
    const [data = ""] = queue.volumes ?? [];
    assert.deepEqual(Object.keys(volumes), [data.split(":")[0]]);
  });
});
