import { toUserWith } from "pulumi-auth0-user-import/recipes/devise";

export default toUserWith({ pepper: process.env.DEVISE_PEPPER });
