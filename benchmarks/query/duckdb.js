// Runs the queries of standard input, a JSON text on each line, and answers each with a line:
// {"version": ...} at first, then {"ms": ..., "rows": [[...]]} or {"error": ...}.
// The time is DuckDB's alone, from the text of the query to its result in memory.
const { DuckDBInstance, version } = require("@duckdb/node-api");
const readline = require("node:readline");

function answer(object) {
  process.stdout.write(JSON.stringify(object, (_, v) => (typeof v === "bigint" ? Number(v) : v)) + "\n");
}

async function main() {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  answer({ version: version() });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      const begin = performance.now();
      const result = await connection.run(JSON.parse(line));
      const ms = performance.now() - begin;
      answer({ ms, rows: await result.getRowsJson() });
    } catch (error) {
      answer({ error: String(error.message ?? error) });
    }
  }
}

main();
