/** The part of better-sqlite3 13 that the store uses; the package ships no types. */
declare module 'better-sqlite3' {
  export type Value = string | number | bigint | Uint8Array | null;
  export type Row = Record<string, unknown>;

  export interface Statement {
    run(...values: Value[]): { changes: number; lastInsertRowid: number | bigint };
    get(...values: Value[]): Row | undefined;
    all(...values: Value[]): Row[];
    iterate(...values: Value[]): Iterable<Row>;
  }

  export default class Database {
    constructor(path: string, options?: { readonly?: boolean; fileMustExist?: boolean; timeout?: number });
    prepare(sql: string): Statement;
    exec(sql: string): this;
    pragma(text: string, options?: { simple?: boolean }): unknown;
    readonly inTransaction: boolean;
    close(): this;
  }
}
