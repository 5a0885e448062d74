// What a route takes and answers, by its path: `make clients` writes these types from docs/openapi.json.

import type { components, paths } from "../build/clients/typescript/cryptodesk";

export type Schemas = components["schemas"];
export type Paths = paths;
export type Method = "get" | "post" | "put" | "patch" | "delete";
export type Operation<P extends keyof paths, M extends Method> = Exclude<paths[P][M], undefined>;
export type PathsWith<M extends Method> = {
  [P in keyof paths]: [Exclude<paths[P][M], undefined>] extends [never] ? never : P;
}[keyof paths] &
  string;

type Json<R> = R extends { content: { "application/json": infer T } } ? T : never;
export type Answer<O> = O extends { responses: infer R } ? Json<R[keyof R & (200 | 201 | 202)]> : never;
export type Body<O> = O extends { requestBody: { content: { "application/json": infer B } } } ? B : undefined;
export type InPath<O> = O extends { parameters: { path: infer T } } ? T : undefined;
export type InQuery<O> = O extends { parameters: { query?: infer T } } ? Exclude<T, undefined> : undefined;

export type PoolName = "customers" | "operators";

/** `config.json`: where to sign in, where the API is, and where the docs are, if there are any. */
export interface Config {
  api: string;
  docs?: string;
  pools: Record<PoolName, Pool>;
}

/** `pages`: of the managed login; `tokens`: where tokens are renewed and revoked. */
interface Pool {
  pages: string;
  tokens: string;
  client_id: string;
}
