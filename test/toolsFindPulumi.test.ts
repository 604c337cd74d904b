import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { version as sdkVersion } from "@pulumi/pulumi/version";
import type { PulumiCli } from "../tools/findPulumi";
import { run } from "./support/run";

const LANGUAGE_HOST = "pulumi-language-nodejs";
const DYNAMIC_PROVIDER = "pulumi-resource-pulumi-nodejs";
const BUILT = "v3.999.0-built";

/** Writes to the file after `-o` a CLI that tells its version, as `go build` does. Its packages go to a log. */
const FAKE_GO = `
echo "$@" >> "$GO_LOG"
while [ "$1" != "-o" ]; do shift; done
printf '#!/bin/sh\\necho ${BUILT}\\n' > "$2"
chmod +x "$2"`;

/** What get.pulumi.com serves, with the options that the Automation API gives it. */
const FAKE_INSTALLER = `#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1" in
    --install-root) root="$2" ;;
    --version) version="$2" ;;
  esac
  shift
done
mkdir -p "$root/bin"
printf "#!/bin/sh\\necho v$version\\n" > "$root/bin/pulumi"
printf "#!/bin/sh\\n" > "$root/bin/${LANGUAGE_HOST}"
printf "#!/bin/sh\\n" > "$root/bin/${DYNAMIC_PROVIDER}"
chmod +x "$root"/bin/*`;

describe("findPulumi", function () {
  this.timeout(60_000);

  let folder: string;
  /** The only folders on PATH: what the test puts there, and what its scripts need. */
  let bin: string;
  let system: string;
  let cache: string;
  let goLog: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "find-pulumi-"));
    bin = path.join(folder, "bin");
    system = path.join(folder, "system");
    cache = path.join(folder, "cache", "pulumi-auth0-user-import");
    goLog = path.join(folder, "go.log");
    mkdirSync(bin);
    mkdirSync(system);
    writeFileSync(goLog, "");
    for (const tool of ["chmod", "mkdir"]) symlinkSync(path.join("/bin", tool), path.join(system, tool));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const executable = (file: string, script: string) => {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  };
  const installPulumi = (version = "v3.210.0") => {
    executable(path.join(bin, "pulumi"), `echo ${version}`);
    for (const plugin of [LANGUAGE_HOST, DYNAMIC_PROVIDER]) executable(path.join(bin, plugin), "");
  };
  const installGo = (script = FAKE_GO) => executable(path.join(bin, "go"), script);

  /** Calls it in a process of its own; `installer` is what the network has, and nothing means that there is none. */
  async function find(installer?: string, which = "findPulumi"): Promise<{ cli: PulumiCli | undefined; said: string }> {
    const preload = path.join(folder, "network.cjs");
    writeFileSync(
      preload,
      installer === undefined
        ? `globalThis.fetch = async () => { throw new TypeError("fetch failed", { cause: new Error("no network") }); };`
        : `globalThis.fetch = async () => new Response(${JSON.stringify(installer)});`,
    );
    const script = `
      const tools = require(${JSON.stringify(path.resolve(__dirname, "../tools/findPulumi.js"))});
      tools.${which}((line) => console.error(line)).then(
        (cli) => console.log(JSON.stringify(cli)),
        (error) => { console.error(error.message); process.exitCode = 1; },
      );`;
    const { code, stdout, stderr } = await run(process.execPath, ["--require", preload, "--eval", script], {
      env: {
        HOME: folder,
        PATH: [bin, system].join(path.delimiter),
        XDG_CACHE_HOME: path.join(folder, "cache"),
        GO_LOG: goLog,
      },
    });
    return { cli: code === 0 ? (JSON.parse(stdout) as PulumiCli) : undefined, said: stderr };
  }

  it("takes the user's own first, and leaves PATH as it is", async () => {
    installGo();
    assert.equal((await find()).cli?.source, "build");
    installPulumi();
    assert.deepEqual(await find(FAKE_INSTALLER), {
      cli: {
        command: path.join(bin, "pulumi"),
        path: [bin, system].join(path.delimiter),
        version: "v3.210.0",
        source: "PATH",
      },
      said: "",
    });
  });

  it("passes one over that lacks a plugin, is no Pulumi 3, or doesn't run, and says why", async () => {
    installGo();
    installPulumi();
    rmSync(path.join(bin, LANGUAGE_HOST));
    const lacking = await find();
    assert.equal(lacking.cli?.source, "build");
    assert.match(lacking.said, /No Pulumi CLI from .*\/bin\/pulumi: it lacks pulumi-language-nodejs/);

    installPulumi("v2.25.0");
    const old = await find();
    assert.equal(old.cli?.source, "cache");
    assert.match(old.said, /bin\/pulumi: Pulumi 3 is needed, this is v2\.25\.0/);

    executable(path.join(bin, "pulumi"), "exit 7");
    const broken = await find();
    assert.equal(broken.cli?.source, "cache");
    assert.match(broken.said, /No Pulumi CLI from .*\/bin\/pulumi: /);
  });

  it("downloads it with Pulumi's own installer, once", async () => {
    installGo();
    const { cli, said } = await find(FAKE_INSTALLER);
    assert.equal(cli?.source, "download");
    assert.equal(cli.version, `v${sdkVersion}`);
    assert.equal(cli.path.split(path.delimiter)[0], path.dirname(cli.command));
    assert.equal(said, `Downloading the Pulumi CLI ${sdkVersion} from get.pulumi.com\n`);
    assert.equal(readFileSync(goLog, "utf8"), "");

    const again = await find();
    assert.deepEqual(again, { cli: { ...cli, source: "cache" }, said: "" });
  });

  it("builds it with Go where there is no network, once, and with both plugins beside it", async () => {
    installGo();
    const { cli, said } = await find();
    assert.equal(cli?.source, "build");
    assert.equal(cli.version, BUILT);
    assert.deepEqual(readdirSync(path.dirname(cli.command)), ["pulumi", LANGUAGE_HOST, DYNAMIC_PROVIDER]);
    assert.match(said, /No Pulumi CLI from download: fetch failed \(no network\)\nBuilding the Pulumi CLI with Go/);
    const builds = readFileSync(goLog, "utf8").trimEnd().split("\n");
    assert.equal(builds.length, 2);
    assert.match(builds[0] ?? "", /version\.Version=v3\.274\.1 .*pulumi\/pkg\/v3\/cmd\/pulumi$/);

    const again = await find(FAKE_INSTALLER);
    assert.deepEqual(again, { cli: { ...cli, source: "cache" }, said: "" });
  });

  it("builds the oldest that is supported, once, whatever is installed", async () => {
    installGo();
    installPulumi();
    const { cli } = await find(FAKE_INSTALLER, "oldestPulumi");
    assert.equal(cli?.source, "build");
    assert.match(readFileSync(goLog, "utf8"), /version\.Version=v3\.200\.0 .*pulumi\/pkg\/v3\/cmd\/pulumi\n/);
    assert.deepEqual((await find(undefined, "oldestPulumi")).cli, { ...cli, source: "cache" });
    rmSync(path.join(bin, "pulumi"));
    assert.notEqual((await find()).cli?.command, cli.command);
  });

  it("builds it where the download is no working Pulumi", async () => {
    installGo();
    const { cli, said } = await find("#!/bin/sh\necho no such release >&2\nexit 1");
    assert.equal(cli?.source, "build");
    assert.match(said, /No Pulumi CLI from download: .*no such release/s);
  });

  it("makes a broken one in the cache anew", async () => {
    installGo();
    const { cli } = await find();
    writeFileSync(cli?.command ?? "", "#!/bin/sh\nexit 1\n");
    const { cli: repaired, said } = await find();
    assert.deepEqual(repaired, cli);
    assert.match(said, /No Pulumi CLI from .*\/pulumi-go-/);
  });

  it("lets several calls build at once, and leaves one build", async () => {
    installGo();
    const calls = await Promise.all([find(), find(), find()]);
    const commands = new Set(calls.map(({ cli }) => cli?.command));
    assert.equal(commands.size, 1);
    assert.equal(readdirSync(cache).length, 1);
    assert.equal((await find()).cli?.source, "cache");
  });

  it("clears away what a killed call left, and not what a living one is making", async () => {
    installGo();
    const { code } = await run("/bin/sh", ["-c", `mkdir -p "${cache}/partial-$$-killed"`]);
    assert.equal(code, 0);
    const living = `partial-${process.pid}-living`;
    mkdirSync(path.join(cache, living));
    assert.equal((await find()).cli?.source, "build");
    const left = readdirSync(cache).sort();
    assert.equal(left.length, 2);
    assert.equal(left[0], living);
  });

  it("fails with all that was tried and the way to install Pulumi, and leaves nothing", async () => {
    const withoutGo = await find();
    assert.equal(withoutGo.cli, undefined);
    assert.match(withoutGo.said, /build: Go is not installed \(https:\/\/go\.dev\/doc\/install\)/);
    assert.match(withoutGo.said, /\nInstall Pulumi \(https:\/\/www\.pulumi\.com\/docs\/install\/\) and try again\.\n$/);

    installGo("echo 'go: cannot find module' >&2; exit 1");
    const withBrokenGo = await find();
    assert.equal(withBrokenGo.cli, undefined);
    assert.match(withBrokenGo.said, /`go build` ended with 1\ngo: cannot find module/);
    assert.deepEqual(readdirSync(cache), []);
  });
});
