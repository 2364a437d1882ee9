/* Reads a list of AsyncAPI documents from standard input and prints what the parser finds in each, as JSON. */
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const SEVERITIES = ["error", "warning", "information", "hint"];

const parser = new Parser();
const read = async (told) => {
  const { document, diagnostics } = await parser.parse(JSON.stringify(told));
  return {
    diagnostics: diagnostics.map(({ severity, code, message, path }) => ({
      severity: SEVERITIES[severity],
      code,
      message,
      place: path.join("."),
    })),
    messages: document?.allMessages().all().map((message) => message.id()) ?? [],
    operations: document?.allOperations().all().map((operation) => operation.id()) ?? [],
  };
};

const found = [];
for (const told of JSON.parse(readFileSync(0, "utf8"))) found.push(await read(told));
process.stdout.write(JSON.stringify(found));
