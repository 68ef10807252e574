// The plugin's commands and their answers, as types. See plugin/monitor/control.h.
import type { Connection } from "./connection";

export type Held = "yes" | "own" | "no";
export type Mode = "enforce" | "observe" | "off";
export type Group = "permission" | "schema" | "transition" | "limits";

export interface Whoami {
  principal: string;
  clientId: string;
  method: string;
  roles: string[];
  scopes: string[];
  own: string[];
  attributes: Record<string, string[]>;
  applications: { name: string; side: "is" | "talksTo"; operations: string[] | null }[];
  commands: string[];
  notices: string | null;
  isPeer: boolean;
  expires: string | null;
  broker: { name: string | null; version: string; plugin: string };
  contract: { title: string; version: string; digest: string; documents: number; channels: number; loaded: string };
  modes: Record<Group, { mode: Mode; forced: boolean }>;
  time: string;
}

export interface ContractPart { digest: string; size: number; offset: number; next: number | null; text: string }

/** The contract as JSON text, put together from its parts. Starts over where a reload came between. */
export async function fetchContract(connection: Connection): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      let text = "";
      let part = await connection.command<ContractPart>("contract");
      text += part.text;
      while (part.next !== null) {
        part = await connection.command<ContractPart>("contract", { offset: part.next, digest: part.digest });
        text += part.text;
      }
      return text;
    } catch (error) {
      if ((error as { code?: string }).code !== "changed" || attempt >= 3) throw error;
    }
  }
}

export interface Event {
  seq: number;
  topic: string;
  publisher: string;
  client_id: string;
  received_at: string;
  payload: string;
  cut?: boolean;
  qos?: number;
  retain?: number | boolean;
  overruled?: number;
  message?: string | null;
  [column: string]: unknown;
}

export interface Page<Row> { rows: Row[]; next: string | null }

export interface EntityKind {
  entity: string;
  table: string;
  columns: { name: string; type: string }[];
  statuses: Record<string, string[]>;
  channels: string[];
  machines: Record<string, string>;
  counts?: Record<string, number>;
}

export interface EntityRow { id: string; owner: string | null; revision: number; created_at: string; updated_at: string; [column: string]: unknown }

export interface RefusalRow {
  decision_id: string;
  time: string;
  reason: string;
  action: string;
  topic: string;
  principal: string;
  client_id: string;
  detail?: string | null;
  [column: string]: unknown;
}

export interface CountRow { value: string; count: number; first: string; last: string }

export interface History { step: number; from: number; names: string[]; values: (number | null)[][] }
