// Stands in for pulumi-resource-auth0, which can't be had where tests run: the provider protocol for what the examples
// use of @pulumi/auth0, against the emulator. It changes nothing in place: the examples' tests don't.
import * as grpc from "@grpc/grpc-js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as pb from "@pulumi/pulumi/proto/provider_pb";
import { ManagementClient } from "auth0";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { type JavaScriptValue, Struct } from "google-protobuf/google/protobuf/struct_pb";
import { type Properties, type ResourceType, resourceTypes } from "./resources";

let api: ManagementClient | undefined;

function configure(request: pb.ConfigureRequest): pb.ConfigureResponse {
  const settings = request.getVariablesMap();
  const setting = (name: string): string => {
    const value = settings.get(`auth0:config:${name}`);
    if (value === undefined) throw new Error(`auth0:${name} is not configured`);
    return value;
  };
  api = new ManagementClient({
    domain: new URL(setting("domain")).host,
    clientId: setting("clientId"),
    clientSecret: setting("clientSecret"),
    // The SDK speaks https only.
    fetch: (url, init) => fetch(String(url).replace(/^https:/, "http:"), init),
  });
  return new pb.ConfigureResponse();
}

function tenant(): ManagementClient {
  if (api === undefined) throw new Error("The plugin has not been configured");
  return api;
}

function check(request: pb.CheckRequest): pb.CheckResponse {
  return new pb.CheckResponse().setInputs(request.getNews());
}

function diff(request: pb.DiffRequest): pb.DiffResponse {
  const same = sorted(propertiesIn(request.getOldInputs())) === sorted(propertiesIn(request.getNews()));
  const { DIFF_NONE, DIFF_SOME } = pb.DiffResponse.DiffChanges;
  return new pb.DiffResponse().setChanges(same ? DIFF_NONE : DIFF_SOME);
}

async function create(request: pb.CreateRequest): Promise<pb.CreateResponse> {
  const { id, outputs } = await typeOf(request).create(tenant(), propertiesIn(request.getProperties()));
  return new pb.CreateResponse().setId(id).setProperties(struct(outputs));
}

async function read(request: pb.ReadRequest): Promise<pb.ReadResponse> {
  await typeOf(request).read(tenant(), request.getId());
  return new pb.ReadResponse()
    .setId(request.getId())
    .setProperties(request.getProperties())
    .setInputs(request.getInputs());
}

async function remove(request: pb.DeleteRequest): Promise<Empty> {
  await typeOf(request).delete(tenant(), request.getId(), propertiesIn(request.getProperties()));
  return new Empty();
}

/** @throws Error for a type that the stand-in does not know */
function typeOf(request: { getUrn(): string }): ResourceType {
  // "urn:pulumi:STACK::PROJECT::PARENT_TYPE$TYPE::NAME"
  const type = request.getUrn().split("::")[2]?.split("$").at(-1) ?? "";
  const known = resourceTypes[type];
  if (known === undefined) throw new Error(`The stand-in knows no ${type}`);
  return known;
}

function propertiesIn(properties: Struct | undefined): Properties {
  return properties?.toJavaScript() ?? {};
}

function struct(properties: Properties): Struct {
  return Struct.fromJavaScript(properties as Record<string, JavaScriptValue>);
}

function sorted(properties: Properties): string {
  return JSON.stringify(Object.entries(properties).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function unary<Request, Response>(
  answer: (request: Request) => Response | Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return async ({ request }, callback) => {
    try {
      callback(null, await answer(request));
    } catch (error) {
      callback({ code: grpc.status.UNKNOWN, details: error instanceof Error ? error.message : String(error) });
    }
  };
}

const server = new grpc.Server();
server.addService(ResourceProviderService, {
  checkConfig: unary(check),
  diffConfig: unary(() => new pb.DiffResponse()),
  configure: unary(configure),
  check: unary(check),
  diff: unary(diff),
  create: unary(create),
  read: unary(read),
  delete: unary(remove),
  cancel: unary(() => new Empty()),
  getPluginInfo: unary(() => new PluginInfo().setVersion("3.49.0")),
});
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  // The engine reads the port from the first line.
  console.log(port);
});
