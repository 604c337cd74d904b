import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import * as grpc from "@grpc/grpc-js";
import * as engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb";
import type * as enginePb from "@pulumi/pulumi/proto/engine_pb";
import * as providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as providerPb from "@pulumi/pulumi/proto/provider_pb";
import * as statusPb from "@pulumi/pulumi/proto/status_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { type JavaScriptValue, Struct } from "google-protobuf/google/protobuf/struct_pb";
import { type Kind, shim } from "../../provider/resources/shim";

export type Properties = Record<string, unknown>;

/** What stands for a value that is not known yet. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A message that the provider sent to the engine. */
export interface LogMessage {
  readonly urn: string;
  readonly message: string;
  readonly ephemeral: boolean;
  readonly severity: number;
}

export interface DiffAnswer {
  readonly changes: boolean;
  readonly replaces: string[];
}

/** An operation that failed after it achieved something. */
export class PartialFailure extends Error {
  constructor(
    readonly id: string,
    readonly properties: Properties,
    readonly reasons: string[],
  ) {
    super(reasons.join("; "));
  }
}

/**
 * The real provider process of Pulumi, in a program's folder, spoken to as the engine does: over gRPC. Its answers are
 * what the engine would get, its log messages what the user would see.
 */
export class ProviderProcess {
  /** What it printed. */
  output = "";
  /** What it told the engine. */
  readonly logs: LogMessage[] = [];
  #running: Promise<Running> | undefined;
  #process: ChildProcess | undefined;

  private constructor(
    private readonly config: Record<string, string>,
    readonly folder: string,
    private readonly env: Record<string, string>,
    private readonly ownFolder: boolean,
  ) {}

  /**
   * @param folder the program's folder; a new empty one where it is not given.
   * @param env further environment variables.
   */
  static async start(
    config: Record<string, string>,
    folder?: string,
    env: Record<string, string> = {},
  ): Promise<ProviderProcess> {
    const provider = ProviderProcess.onDemand(config, folder, env);
    await provider.#start();
    return provider;
  }

  /** One that is started by the first call: many a test needs another one before. */
  static onDemand(config: Record<string, string>, folder?: string, env: Record<string, string> = {}): ProviderProcess {
    return new ProviderProcess(config, folder ?? programFolder(), env, folder === undefined);
  }

  get process(): ChildProcess {
    if (this.#process === undefined) throw new Error("The provider process was not started.");
    return this.#process;
  }

  #start(): Promise<Running> {
    this.#running ??= this.#spawn();
    return this.#running;
  }

  async #spawn(): Promise<Running> {
    const engine = new grpc.Server();
    engine.addService(engineGrpc.EngineService, {
      log: (
        { request }: grpc.ServerUnaryCall<enginePb.LogRequest, Empty>,
        callback: grpc.sendUnaryData<Empty>,
      ): void => {
        this.logs.push({
          urn: request.getUrn(),
          message: request.getMessage(),
          ephemeral: request.getEphemeral(),
          severity: request.getSeverity(),
        });
        callback(null, new Empty());
      },
    });
    const port = await new Promise<number>((resolve, reject) =>
      engine.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    const script = require.resolve("@pulumi/pulumi/cmd/dynamic-provider");
    const child = spawn(process.execPath, [script, `127.0.0.1:${port}`], {
      cwd: this.folder,
      env: { ...process.env, ...this.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    const [address] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), "line")) as [
      string,
    ];
    const client = new providerGrpc.ResourceProviderClient(`127.0.0.1:${address}`, grpc.credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (data: Buffer) => {
        this.output += data.toString();
      });
    }
    const request = new providerPb.ConfigureRequest();
    request.setArgs(Struct.fromJavaScript(this.config));
    await answerOf<providerPb.ConfigureResponse>((done) => client.configure(request, done));
    return { engine, client };
  }

  /**
   * The inputs as checked, or the reasons why they are refused.
   *
   * @param code of another provider than ours.
   */
  async check(
    kind: Kind,
    olds: Properties,
    news: Properties,
    code = shim(kind),
  ): Promise<{ inputs: Properties; failures: string[] }> {
    const request = new providerPb.CheckRequest();
    request.setOlds(struct({ ...olds }));
    request.setNews(struct({ ...news, __provider: code }));
    const response = await this.#call<providerPb.CheckResponse>((client, done) => client.check(request, done));
    return {
      inputs: response.getInputs()?.toJavaScript() ?? {},
      failures: response.getFailuresList().map((failure) => failure.getReason()),
    };
  }

  diff(kind: Kind, olds: Properties, news: Properties): Promise<DiffAnswer> {
    return this.prepareDiff(kind, olds)(news);
  }

  /** `diff` of a state that is encoded beforehand: with a large one, that takes longer here than its answer. */
  prepareDiff(kind: Kind, olds: Properties, code = shim(kind)): (news: Properties) => Promise<DiffAnswer> {
    const known = new providerPb.DiffRequest();
    known.setId("id");
    known.setOlds(struct({ ...olds, __provider: code }));
    const start = known.serializeBinary();
    return async (news) => {
      const rest = new providerPb.DiffRequest();
      rest.setNews(struct({ ...news, __provider: code }));
      // Two messages one after the other are the encoding of both in one.
      const request = Buffer.concat([start, rest.serializeBinary()]);
      const response = await this.#call<providerPb.DiffResponse>((client, done) =>
        client.makeUnaryRequest(
          "/pulumirpc.ResourceProvider/Diff",
          (encoded: Buffer) => encoded,
          (answer: Buffer) => providerPb.DiffResponse.deserializeBinary(answer),
          request,
          (error, answer) => done(error, answer as providerPb.DiffResponse),
        ),
      );
      return {
        changes: response.getChanges() === providerPb.DiffResponse.DiffChanges.DIFF_SOME,
        replaces: response.getReplacesList(),
      };
    };
  }

  /** @throws PartialFailure where the engine would keep the resource; Error where it would not. */
  async create(kind: Kind, inputs: Properties): Promise<{ id: string; outputs: Properties }> {
    const request = new providerPb.CreateRequest();
    request.setProperties(struct({ ...inputs, __provider: shim(kind) }));
    const response = await this.#call<providerPb.CreateResponse>((client, done) => client.create(request, done));
    return { id: response.getId(), outputs: response.getProperties()?.toJavaScript() ?? {} };
  }

  /** @throws PartialFailure where the engine would keep the resource; Error where it would not. */
  async update(kind: Kind, olds: Properties, news: Properties): Promise<Properties> {
    const request = new providerPb.UpdateRequest();
    request.setId("id");
    request.setOlds(struct({ ...olds, __provider: shim(kind) }));
    request.setNews(struct({ ...news, __provider: shim(kind) }));
    const response = await this.#call<providerPb.UpdateResponse>((client, done) => client.update(request, done));
    return response.getProperties()?.toJavaScript() ?? {};
  }

  async read(kind: Kind, properties: Properties): Promise<Properties> {
    const request = new providerPb.ReadRequest();
    request.setId("id");
    request.setProperties(struct({ ...properties, __provider: shim(kind) }));
    const response = await this.#call<providerPb.ReadResponse>((client, done) => client.read(request, done));
    return response.getProperties()?.toJavaScript() ?? {};
  }

  async delete(kind: Kind, properties: Properties): Promise<void> {
    const request = new providerPb.DeleteRequest();
    request.setId("id");
    request.setProperties(struct({ ...properties, __provider: shim(kind) }));
    await this.#call<Empty>((client, done) => client.delete(request, done));
  }

  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#running !== undefined) {
      const { client, engine } = await this.#running;
      client.close();
      engine.forceShutdown();
      const { process } = this;
      if (process.exitCode === null && process.signalCode === null) {
        process.kill(signal);
        await once(process, "exit");
      }
    }
    if (this.ownFolder) rmSync(this.folder, { recursive: true, force: true });
  }

  async #call<T>(send: (client: providerGrpc.ResourceProviderClient, done: Done<T>) => unknown): Promise<T> {
    const { client } = await this.#start();
    return answerOf<T>((done) => send(client, done));
  }
}

interface Running {
  readonly engine: grpc.Server;
  readonly client: providerGrpc.ResourceProviderClient;
}

type Done<T> = (error: grpc.ServiceError | null, response: T) => void;

function answerOf<T>(send: (done: Done<T>) => unknown): Promise<T> {
  return new Promise<T>((resolve, reject) =>
    send((error, response) => (error === null ? resolve(response) : reject(partialFailureIn(error) ?? error))),
  );
}

/** A program's folder in which this package is installed. */
export function programFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "user-import-test-"));
  mkdirSync(path.join(folder, "node_modules"));
  symlinkSync(path.resolve(__dirname, "../../.."), path.join(folder, "node_modules", "pulumi-auth0-user-import"));
  return folder;
}

function struct(properties: Properties): Struct {
  const present = Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));
  return Struct.fromJavaScript(present as Record<string, JavaScriptValue>);
}

/** The details of an error, packed as the engine unpacks them. */
function partialFailureIn(error: grpc.ServiceError): PartialFailure | undefined {
  const [packed] = error.metadata.get("grpc-status-details-bin");
  if (!Buffer.isBuffer(packed)) return undefined;
  const detail = statusPb.Status.deserializeBinary(packed).getDetailsList()[0];
  if (detail === undefined) return undefined;
  const failed = providerPb.ErrorResourceInitFailed.deserializeBinary(detail.getValue_asU8());
  return new PartialFailure(failed.getId(), failed.getProperties()?.toJavaScript() ?? {}, failed.getReasonsList());
}
