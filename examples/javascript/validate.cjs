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

const suffix = ".schema.json";
const files = fs.readdirSync(folder).filter((name) => name.endsWith(suffix)).sort();

addFormats(ajv);
for (const file of files)
  ajv.addSchema(JSON.parse(fs.readFileSync(path.join(folder, file)))); // known by its $id

const [message, text] = process.argv.slice(2);

function fail(why) {
  console.error(why);
  process.exit(1);
}

function parsed() {
  try {
    return JSON.parse(text);
  } catch (error) {
    return fail(`not JSON: ${error.message}`);
  }
}

if (text === undefined || !files.includes(message + suffix))
  fail("usage: node validate.cjs MESSAGE JSON\n\nThe messages are: " +
       files.map((name) => name.slice(0, -suffix.length)).join(", "));

const validate = ajv.getSchema(message + suffix);

if (validate(parsed())) {
  console.log("valid");
} else {
  for (const error of validate.errors) console.log(error.instancePath || "/", error.message);
  process.exitCode = 1;
}
