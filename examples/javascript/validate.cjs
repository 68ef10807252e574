// Checks a message before it is sent, against the schemas that the broker uses. With ajv and
// ajv-formats from npm:
//
//     node validate.cjs order-status '{"orderId": "ord-1", "status": "LOST"}'
//
// SCHEMAS names another folder than schemas/. Status changes, ids in the topic, scopes and QoS are
// checked by the broker only.
const fs = require("fs");
const path = require("path");
const Ajv = require("ajv/dist/2020"); // the draft that the schemas are written in
const addFormats = require("ajv-formats"); // without it a date-time may be any text

const folder = process.env.SCHEMAS ?? path.join(__dirname, "../../schemas");
const ajv = new Ajv({ allErrors: true, strictTypes: false });

addFormats(ajv);
for (const file of fs.readdirSync(folder).filter((name) => name.endsWith(".schema.json")))
  ajv.addSchema(JSON.parse(fs.readFileSync(path.join(folder, file)))); // known by its $id

const [message, text] = process.argv.slice(2);
const validate = ajv.getSchema(`${message}.schema.json`);

if (validate(JSON.parse(text))) {
  console.log("valid");
} else {
  for (const error of validate.errors) console.log(error.instancePath || "/", error.message);
  process.exitCode = 1;
}
