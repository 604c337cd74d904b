import type { ManagementClient } from "auth0";

export type Properties = Record<string, unknown>;

/** What the stand-in can do with a resource: as much as the examples use. */
export interface ResourceType {
  create(api: ManagementClient, inputs: Properties): Promise<{ id: string; outputs: Properties }>;
  /** Rejects where the tenant does not know it. */
  read(api: ManagementClient, id: string): Promise<unknown>;
  delete(api: ManagementClient, id: string, properties: Properties): Promise<unknown>;
}

/** By the type as it stands in a URN. Properties are Pulumi's, in camel case; the API has names of its own. */
export const resourceTypes: Record<string, ResourceType> = {
  "auth0:index/connection:Connection": {
    async create(api, inputs) {
      const { name, strategy, options = {} } = inputs as { name: string; strategy: "auth0"; options?: Properties };
      const { bruteForceProtection, disableSignup, passwordPolicy } = options;
      const connection = await api.connections.create({
        name,
        strategy,
        options: {
          ...(bruteForceProtection !== undefined && { brute_force_protection: bruteForceProtection as boolean }),
          ...(disableSignup !== undefined && { disable_signup: disableSignup as boolean }),
          ...(passwordPolicy !== undefined && { passwordPolicy: passwordPolicy as "good" }),
        },
      });
      return { id: String(connection.id), outputs: { ...inputs, realms: connection.realms } };
    },
    read: (api, id) => api.connections.get(id),
    delete: async () => {
      throw new Error("The stand-in deletes no connection: its users would be gone");
    },
  },
  "auth0:index/client:Client": {
    async create(api, inputs) {
      const { name, appType, callbacks } = inputs as { name: string; appType: "spa"; callbacks: string[] };
      const { client_id } = await api.clients.create({ name, app_type: appType, callbacks });
      return { id: String(client_id), outputs: { ...inputs, clientId: client_id } };
    },
    read: (api, id) => api.clients.get(id),
    delete: (api, id) => api.clients.delete(id),
  },
  "auth0:index/connectionClients:ConnectionClients": {
    async create(api, inputs) {
      const connectionId = String(inputs.connectionId);
      await api.connections.clients.update(connectionId, statuses(inputs, true));
      const { name, strategy } = await api.connections.get(connectionId);
      return { id: connectionId, outputs: { ...inputs, name, strategy } };
    },
    read: (api, id) => api.connections.get(id),
    delete: (api, id, properties) => api.connections.clients.update(id, statuses(properties, false)),
  },
  "auth0:index/role:Role": {
    async create(api, inputs) {
      const { name, description } = inputs as { name: string; description: string };
      return { id: String((await api.roles.create({ name, description })).id), outputs: inputs };
    },
    read: (api, id) => api.roles.get(id),
    delete: (api, id) => api.roles.delete(id),
  },
  "auth0:index/organization:Organization": {
    async create(api, inputs) {
      const { name, displayName } = inputs as { name: string; displayName: string };
      return { id: String((await api.organizations.create({ name, display_name: displayName })).id), outputs: inputs };
    },
    read: (api, id) => api.organizations.get(id),
    delete: (api, id) => api.organizations.delete(id),
  },
  "auth0:index/organizationConnection:OrganizationConnection": {
    async create(api, inputs) {
      const { organizationId, connectionId } = inputs as { organizationId: string; connectionId: string };
      await api.organizations.enabledConnections.add(organizationId, { connection_id: connectionId });
      return { id: `${organizationId}::${connectionId}`, outputs: { ...inputs, strategy: "auth0" } };
    },
    read: (api, id) => api.organizations.enabledConnections.list(id.split("::")[0] as string),
    delete: (api, id) => {
      const [organization, connection] = id.split("::") as [string, string];
      return api.organizations.enabledConnections.delete(organization, connection);
    },
  },
};

function statuses({ enabledClients }: Properties, status: boolean) {
  return (enabledClients as string[]).map((client_id) => ({ client_id, status }));
}
