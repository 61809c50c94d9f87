// A vendor's document as Prism needs it: `overlay.cjs DOCUMENT KEY_HEADER` prints it as JSON, with the way that callers really present their
// key, and with an answer for the errors that the vendor gives but doesn't write down.
const fs = require("fs");
const { parse } = require("@stoplight/yaml");

const [file, header] = process.argv.slice(2);
const document = parse(fs.readFileSync(file, "utf8"));
document.components.securitySchemes = { key: { type: "apiKey", in: "header", name: header } };
document.security = [{ key: [] }];
const error = { type: "object", properties: { message: { type: "string" } }, required: ["message"] };
for (const path of Object.values(document.paths)) {
  for (const method of ["get", "post", "put", "patch", "delete"]) {
    if (!path[method]) continue;
    delete path[method].security;
    path[method].responses.default ??= { description: "an error", content: { "application/json": { schema: error } } };
  }
}
process.stdout.write(JSON.stringify(document));
