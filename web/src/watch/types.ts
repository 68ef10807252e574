// Answers of commands that only these views ask for (plugin/broker/events_command.c, feed_numbers.c).
export interface Status {
  version: string;
  broker: string;
  parser: string;
  contract: string;
  contractVersion: string;
  channels: number;
  sessions: number;
}

export interface Ban {
  clientId: string;
  principal: string;
  of: "principal" | "client";
  kind: string;
  state: "held" | "banned";
  secondsLeft: number;
  secondsAgo: number;
}

export interface Alert {
  kind: string;
  state: "raised" | "cleared";
  title: string;
  time: string;
  evidence: { count: number; threshold: number; windowSeconds: number; observed?: number; expected?: number };
  response: "report" | "limit" | "disconnect" | "ban";
  responseSeconds?: number;
  lastedSeconds?: number;
  clientId?: string;
  principal?: string;
  otherPrincipal?: string;
  address?: string;
  where?: string;
  detail?: string;
}

export interface Explanation {
  allowed: boolean;
  reason: string;
  observed: boolean;
  channel: string;
  field: string;
  keyword: string;
  message: string;
  currentStatus: string;
  messageName: string;
}
