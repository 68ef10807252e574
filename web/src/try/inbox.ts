// What arrived: the messages in the order they came, and by topic. Bounded in messages, bytes and
// topics; says what it dropped. Taking a message costs little, whatever is on the screen.
import type { Message } from "../broker/connection";

export interface Got extends Message {
  n: number; // 1, 2, ... as they came
  before: Got | null; // on the same topic, while that is kept
  via: string; // by which connection: "", or the second one's name
}

export interface Node {
  name: string; // the level
  path: string; // the topic to here
  children: Map<string, Node>;
  count: number; // here and below
  own: number; // here
  last: Got | null;
  history: Got[]; // the newest last
}

export interface Limits { messages: number; bytes: number; topics: number; history: number }

export const LIMITS: Limits = { messages: 20_000, bytes: 64 * 1024 * 1024, topics: 5_000, history: 100 };

const OVERHEAD = 200; // bytes that a message takes beside its payload and topic

const sizeOf = (message: Message): number => message.payload.length + message.topic.length * 2 + OVERHEAD;

const newNode = (name: string, path: string): Node => ({ name, path, children: new Map(), count: 0, own: 0, last: null, history: [] });

export class Inbox {
  private ring: (Got | undefined)[] = [];
  private start = 0; // index in ring of the oldest
  bytes = 0;
  total = 0; // ever
  dropped = 0; // messages not kept any more
  topics = 0;
  untold = 0; // messages of topics that are too many for the tree
  root = newNode("", "");

  constructor(readonly limits: Limits = LIMITS) {}

  get length(): number {
    return this.ring.length - this.start;
  }

  /** The oldest has index 0. */
  at(index: number): Got | undefined {
    return this.ring[this.start + index];
  }

  add(message: Message, via = ""): Got {
    const got: Got = { ...message, n: ++this.total, before: null, via };
    this.ring.push(got);
    this.bytes += sizeOf(got);
    this.place(got);
    while (this.length > 1 && (this.length > this.limits.messages || this.bytes > this.limits.bytes)) this.dropOldest();
    return got;
  }

  private dropOldest(): void {
    const oldest = this.ring[this.start];
    this.ring[this.start++] = undefined;
    if (oldest) {
      this.bytes -= sizeOf(oldest);
      this.forget(oldest);
    }
    this.dropped++;
    // The dead head of the ring is cut off now and then, not each time.
    if (this.start > 1024 && this.start > this.ring.length / 2) {
      this.ring = this.ring.slice(this.start);
      this.start = 0;
    }
  }

  /** The topic's history has it no more, but for the last value, which stays. */
  private forget(got: Got): void {
    const node = this.find(got.topic);
    if (!node) return;
    if (node.history[0] === got && node.history.length > 1) {
      node.history.shift();
      node.history[0].before = null;
    }
  }

  private place(got: Got): void {
    let node = this.root;
    const way = [node];
    const levels = got.topic.split("/");
    let path = "";
    for (const [i, level] of levels.entries()) {
      path = i === 0 ? level : `${path}/${level}`;
      let next = node.children.get(level);
      if (!next) {
        if (this.topics >= this.limits.topics) {
          this.untold++;
          return;
        }
        next = newNode(level, path);
        node.children.set(level, next);
        this.topics++;
      }
      node = next;
      way.push(node);
    }
    for (const it of way) it.count++;
    node.own++;
    got.before = node.last;
    node.last = got;
    node.history.push(got);
    if (node.history.length > this.limits.history) {
      node.history.shift();
      node.history[0].before = null;
    }
  }

  find(topic: string): Node | null {
    let node: Node | undefined = this.root;
    for (const level of topic.split("/")) {
      node = node.children.get(level);
      if (!node) return null;
    }
    return node;
  }

  clear(): void {
    this.ring = [];
    this.start = 0;
    this.bytes = this.dropped = this.topics = this.untold = this.total = 0;
    this.root = newNode("", "");
  }
}

export interface TreeRow { node: Node; depth: number; isOpen: boolean }

/** The rows of the tree: what is below closed nodes is left out; @wanted, if given, leaves out what it does not want. */
export function treeRows(root: Node, isOpen: (node: Node) => boolean, wanted: ((node: Node) => boolean) | null = null): TreeRow[] {
  const rows: TreeRow[] = [];
  const walk = (node: Node, depth: number): boolean => {
    const at = rows.length;
    const open = isOpen(node) || wanted !== null;
    rows.push({ node, depth, isOpen: open && node.children.size > 0 });
    let isAny = wanted === null || (node.last !== null && wanted(node));
    if (open) for (const child of sorted(node)) isAny = walk(child, depth + 1) || isAny;
    if (!isAny) rows.length = at;
    return isAny;
  };
  for (const child of sorted(root)) walk(child, 0);
  return rows;
}

const sorted = (node: Node): Node[] => [...node.children.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
