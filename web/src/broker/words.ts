// MQTT 5's reason codes in words (OASIS MQTT 5.0, section 2.4).

const CONNACK: Record<number, string> = {
  0x80: "The broker refused the connection and gave no reason.",
  0x84: "The broker does not speak MQTT 5.",
  0x85: "The broker refuses this client id.",
  0x86: "Wrong user name or password.",
  0x87: "The broker does not let this account in: the user name or password is wrong, or the account may not use this client id, or it is banned.",
  0x88: "The broker is not available now.",
  0x89: "The broker is busy; try again later.",
  0x8a: "This account is banned.",
  0x8c: "The broker refuses this way to prove who one is.",
  0x90: "The broker refuses the topic of the last will.",
  0x99: "The broker refuses the payload of the last will.",
  0x97: "The broker's quota is used up.",
  0x9a: "The broker keeps no retained messages.",
  0x9b: "The broker does not support this QoS.",
  0x9f: "Too many connections in a short time.",
};

export function explainConnack(code: number): string {
  return CONNACK[code] ?? `The broker refused the connection (code ${code}).`;
}

const CLOSE: Record<number, string> = {
  0x87: "The broker ended the connection: not authorized any more.",
  0x8b: "The broker is shutting down.",
  0x8d: "The broker heard nothing for too long.",
  0x95: "A packet was larger than the broker takes.",
  0x97: "The broker's quota is used up.",
  0x98: "The operator ended the connection.",
};

export function explainClose(code: number | undefined): string {
  return (code !== undefined && CLOSE[code]) || "The broker ended the connection.";
}

/** What a PUBACK, PUBREC or SUBACK says beside 0. */
export const REASON: Record<number, string> = {
  0x10: "no matching subscribers",
  0x80: "unspecified error",
  0x83: "implementation specific error",
  0x87: "not authorized",
  0x8f: "topic filter invalid",
  0x90: "topic name invalid",
  0x91: "packet identifier in use",
  0x97: "quota exceeded",
  0x99: "payload format invalid",
  0x9e: "shared subscriptions not supported",
};
