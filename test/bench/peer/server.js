/*
 * A broker as a team might write it on npm's packages: aedes (MQTT), ajv (JSON Schema) and
 * better-sqlite3. `make bench` measures it beside the plugin.
 *
 *     node server.js CONFIGURATION.json      {port, database, contract, users: {name: {salt, key, scopes}}}
 *
 * What it does: reads the contract that ships (channels, schemas, scopes, entities, steps) and compiles
 * its schemas once; logs in by password; of each publish it checks topic, scope, payload, that the
 * payload's id is the topic's, and that an entity's step is one that may follow; writes an event, and
 * the order or payment as it stands, to SQLite (WAL, synchronous NORMAL). Rows are written in one
 * transaction for all that came within BATCH_MS, or for BATCH_ROWS, and a message is acknowledged, and
 * delivered, when its transaction is committed. Where an order stands is kept in memory for the last
 * STATES of them; others are asked of the database.
 *
 * What it does not: MQTT 5 (aedes has none; a refusal closes the connection), reasons, ownership, TLS,
 * certificates, tokens, limits, alerts, metrics, retained messages across a restart, a reload.
 */
import { createHash, scrypt, timingSafeEqual } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { Aedes } from 'aedes'
import Ajv from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import Database from 'better-sqlite3'

const BATCH_MS = 5
const BATCH_ROWS = 1000
const STATES = 200000

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))

// ---- the contract ----

function resolve (document, node) {
  while (node && node.$ref) {
    node = node.$ref.slice(2).split('/').reduce((at, step) => at[step], document)
  }
  return node
}

/* Every schema beside the contract, so that they find each other by their $id. */
function makeAjv (folder) {
  const ajv = new Ajv({ strict: false })
  addFormats(ajv)
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.schema.json')) {
      const { examples, ...schema } = readJson(join(folder, name))
      ajv.addSchema(schema, name)
    }
  }
  return ajv
}

/* {state: Map(next state -> the scope it takes, or null)}; '' is the beginning. */
function makeSteps (machine) {
  const list = (steps) => new Map(steps.map((step) =>
    typeof step === 'string' ? [step, null] : [step.to, step.scope ?? null]))
  const ret = new Map([['', list(machine.first)]])
  for (const [from, steps] of Object.entries(machine.next)) ret.set(from, list(steps))
  return ret
}

/* What an entity's status is, for the channels that carry one. */
function makeEntity (document, channel) {
  const kind = channel['x-entity']
  if (!kind) return null
  const entity = document['x-entities'][kind.entity]
  const columns = Object.entries(kind.columns).map(([name, pointer]) => [name, pointer.slice(1)])
  const state = columns.find(([name]) => entity.columns[name].stateMachine)
  return {
    table: entity.table,
    columns: columns.map(([name]) => name),
    members: columns.map(([, member]) => member),
    owner: kind.owner?.slice(1),
    stateColumn: state[0],
    stateMember: state[1],
    steps: makeSteps(document['x-state-machines'][entity.columns[state[0]].stateMachine])
  }
}

function makeChannels (path) {
  const document = readJson(path)
  const ajv = makeAjv(dirname(path))
  const scopesOf = (operation) => operation.security.flatMap(
    (each) => resolve(document, each).scopes ?? [])
  return Object.entries(document.channels).map(([name, channel]) => {
    const words = channel.address.split('/')
    const parameter = words.findIndex((word) => word.startsWith('{'))
    const operations = Object.values(document.operations).filter(
      (operation) => operation.channel.$ref === '#/channels/' + name)
    const message = resolve(document, Object.values(channel.messages)[0])
    const schema = resolve(document, message.payload) ?? message.payload
    return {
      words,
      parameter,
      idMember: words[parameter].slice(1, -1),
      filter: words.map((word) => word.startsWith('{') ? '+' : word).join('/'),
      send: operations.filter((each) => each.action === 'send').flatMap(scopesOf),
      receive: operations.filter((each) => each.action === 'receive').flatMap(scopesOf),
      validate: ajv.getSchema(message.payload.$ref) ?? ajv.compile(schema),
      entity: makeEntity(document, channel)
    }
  })
}

function channelOf (channels, topic) {
  const words = topic.split('/')
  return channels.find((channel) => channel.words.length === words.length &&
    channel.words.every((word, i) => word === words[i] || word.startsWith('{')))
}

// ---- what is kept ----

class Store {
  constructor (path, channels) {
    this.database = new Database(path)
    this.database.pragma('journal_mode = WAL')
    this.database.pragma('synchronous = NORMAL')
    this.database.exec(`CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY,
      received_at TEXT NOT NULL, topic TEXT NOT NULL, publisher TEXT NOT NULL,
      client_id TEXT NOT NULL, qos INTEGER NOT NULL, payload TEXT NOT NULL);
      CREATE INDEX IF NOT EXISTS events_topic ON events (topic)`)
    this.event = this.database.prepare('INSERT INTO events ' +
      '(received_at, topic, publisher, client_id, qos, payload) VALUES (?, ?, ?, ?, ?, ?)')
    this.makeTables(channels.map((channel) => channel.entity).filter(Boolean))
    this.write = this.database.transaction((rows) => { for (const row of rows) this.insert(row) })
    this.states = new Map()
    this.rows = []
    this.timer = null
  }

  makeTables (entities) {
    for (const table of new Set(entities.map((entity) => entity.table))) {
      const columns = new Set(entities.filter((entity) => entity.table === table)
        .flatMap((entity) => entity.columns))
      this.database.exec(`CREATE TABLE IF NOT EXISTS ${table} (id TEXT PRIMARY KEY, owner TEXT, ` +
        `updated_at TEXT NOT NULL, ${[...columns].map((name) => name + ' TEXT').join(', ')})`)
    }
    for (const entity of entities) {
      const names = ['id', 'owner', 'updated_at', ...entity.columns]
      const set = ['updated_at', ...entity.columns].map((name) =>
        `${name} = coalesce(excluded.${name}, ${name})`)
      entity.put = this.database.prepare(`INSERT INTO ${entity.table} (${names}) ` +
        `VALUES (${names.map(() => '?')}) ON CONFLICT (id) DO UPDATE SET ${set}`)
      entity.get = this.database.prepare(
        `SELECT ${entity.stateColumn} AS state FROM ${entity.table} WHERE id = ?`)
    }
  }

  /* Where an entity stands, with what waits to be written: '' where there is none. */
  state (entity, id) {
    const key = entity.table + '.' + entity.stateColumn + '.' + id
    const known = this.states.get(key)
    if (known !== undefined) return known
    return entity.get.get(id)?.state ?? ''
  }

  setState (entity, id, state) {
    const key = entity.table + '.' + entity.stateColumn + '.' + id
    this.states.delete(key) // the newest last
    this.states.set(key, state)
    if (this.states.size > STATES) this.states.delete(this.states.keys().next().value)
  }

  insert ({ client, packet, text, channel, id, payload, now }) {
    this.event.run(now, packet.topic, client.user.name, client.id, packet.qos, text)
    const entity = channel.entity
    if (entity) {
      entity.put.run(id, entity.owner ? payload[entity.owner] ?? null : null, payload.updatedAt,
        ...entity.members.map((member) => payload[member] ?? null))
    }
  }

  /* Calls row.done(error) when the row is committed. */
  add (row) {
    this.rows.push(row)
    if (this.rows.length >= BATCH_ROWS) this.flush()
    else this.timer ??= setTimeout(() => this.flush(), BATCH_MS)
  }

  flush () {
    const rows = this.rows
    let fault = null
    clearTimeout(this.timer)
    this.timer = null
    this.rows = []
    try {
      this.write(rows)
    } catch (error) {
      fault = error
      this.states.clear() // they are of rows that are not there
    }
    for (const row of rows) row.done(fault)
  }

  close () {
    if (this.rows.length) this.flush()
    this.database.close()
  }
}

// ---- what is asked of a publish ----

function parse (text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/* Why the step may not be taken; null where it may. */
function stepFault (entity, user, from, to) {
  const steps = entity.steps.get(from)
  if (!steps || !steps.has(to)) return 'transition'
  const scope = steps.get(to)
  return scope && !user.scopes.has(scope) ? 'scope' : null
}

function decide (channels, store, client, packet, done) {
  const refuse = (reason) => done(new Error(reason))
  const channel = channelOf(channels, packet.topic)
  if (!channel || !channel.send.length) return refuse('topic')
  if (!channel.send.every((scope) => client.user.scopes.has(scope))) return refuse('scope')
  const text = packet.payload.toString()
  const payload = parse(text)
  if (payload === undefined || !channel.validate(payload)) return refuse('schema')
  const id = packet.topic.split('/')[channel.parameter]
  if (payload[channel.idMember] !== id) return refuse('parameter')
  const entity = channel.entity
  if (entity) {
    const from = store.state(entity, id)
    const to = payload[entity.stateMember]
    if (from === to) return done(null) // stands already
    const fault = stepFault(entity, client.user, from, to)
    if (fault) return refuse(fault)
    store.setState(entity, id, to)
  }
  store.add({ client, packet, text, channel, id, payload, now: new Date().toISOString(), done })
}

// ---- the broker ----

function login (users, client, name, password, done) {
  const user = users[name]
  const isOwn = client.id === name || client.id.startsWith(name + '/')
  if (!user || !password || !isOwn) return done(null, false)
  scrypt(password, Buffer.from(user.salt, 'hex'), 32, { N: 1024 }, (fault, key) => {
    if (fault) return done(fault, false)
    client.user = { name, scopes: new Set(user.scopes) }
    done(null, timingSafeEqual(digest(key), digest(Buffer.from(user.key, 'hex'))))
  })
}

const digest = (bytes) => createHash('sha256').update(bytes).digest()

function maySubscribe (channels, client, filter) {
  const channel = channels.find((each) => each.filter === filter) ?? channelOf(channels, filter)
  return channel?.receive.length > 0 &&
    channel.receive.every((scope) => client.user.scopes.has(scope))
}

async function main () {
  const config = readJson(process.argv[2])
  const channels = makeChannels(config.contract)
  const store = new Store(config.database, channels)
  const broker = await Aedes.createBroker()
  broker.authenticate = (client, name, password, done) =>
    login(config.users, client, name, password, done)
  broker.authorizePublish = (client, packet, done) => client
    ? decide(channels, store, client, packet, done)
    : done(null)
  broker.authorizeSubscribe = (client, subscription, done) =>
    done(null, maySubscribe(channels, client, subscription.topic) ? subscription : null)
  const server = createServer(broker.handle)
  server.listen(config.port, '127.0.0.1', () => console.log('ready'))
  process.on('SIGTERM', () => { store.close(); process.exit(0) })
}

main()
