import { toUserWith } from "pulumi-auth0-user-import/recipes/aspnet";

export default toUserWith({ hashAlgorithm: "HMACSHA256" });
