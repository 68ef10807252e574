// Publish: a message is prepared with the contract's help, sent, and the broker's answer shown.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { contract } from "../app/session";
import { messagesOf, payloadMax, sendsOf, parameterFault } from "../contract/check";
import { readJson } from "../contract/jsontext";
import { hasTitle, qosInWords, retainInWords, type Channel, type Parameter, type Qos } from "../contract/model";
import { Badge, Copy, copyText, Note, Time } from "../ui/basics";
import { Icon } from "../ui/icons";
import { send, sent, type Sent } from "./answers";
import { AnswerView, SentLog } from "./answerview";
import * as draft from "./draft";
import { Editor, type EditorHandle, type Mark } from "./editor";
import { marksOf, toldOf } from "./faults";
import { isOn } from "./line";
import { tryLink, type Properties } from "../app/trylink";
import { prettyOf, sizeInWords } from "./payload";
import { Status, stepAgainst } from "./status";

const handle: { current: EditorHandle | null } = { current: null };

function ChannelPicker(): JSX.Element {
  const all = contract.value?.channels ?? [];
  const groups: [string, Channel[]][] = [
    ["You may send", all.filter(({ may }) => may?.send === "yes")],
    ["You may send what is yours", all.filter(({ may }) => may?.send === "own")],
    ["Channels", all.filter((it) => !it.may && sendsOf(it).length > 0)],
    ["You may not send", all.filter((it) => it.may?.send === "no" || (!it.may && sendsOf(it).length === 0))],
  ];
  const current = draft.channel.value;
  return (
    <div class="field">
      <label>
        Channel
        <select name="channel" value={draft.channelId.value ?? ""} onChange={(event) => draft.pickChannel(event.currentTarget.value || null)}>
          <option value="">A topic that I type</option>
          {groups.filter(([, list]) => list.length > 0).map(([label, list]) => (
            <optgroup key={label} label={label}>
              {list.map((it) => <option key={it.id} value={it.id}>{hasTitle(it) ? `${it.title} (${it.address})` : it.address}</option>)}
            </optgroup>
          ))}
        </select>
      </label>
      {draft.channelId.value && current?.description ? <p class="hint">{current.description}</p> : null}
    </div>
  );
}

function ParameterField({ parameter }: { parameter: Parameter }): JSX.Element {
  const value = draft.values.value[parameter.name] ?? "";
  const fault = parameterFault(parameter, value);
  const id = `parameter-${parameter.name}`;
  const common = {
    name: id, value, "aria-invalid": fault !== null, "aria-describedby": `${id}-hint`,
    onInput: (event: { currentTarget: { value: string } }) => draft.setValue(parameter.name, event.currentTarget.value),
  };
  const examples = parameter.examples.slice(0, 8);
  return (
    <div class="field">
      <label>
        {parameter.name}
        {parameter.values
          ? <select {...common}><option value="">pick one</option>{parameter.values.map((it) => <option key={it} value={it}>{it}</option>)}</select>
          : <input {...common} list={examples.length > 0 ? `${id}-examples` : undefined} spellcheck={false} autocomplete="off" autocapitalize="none" />}
      </label>
      {examples.length > 0 && !parameter.values
        ? <datalist id={`${id}-examples`}>{examples.map((it) => <option key={it} value={it} />)}</datalist> : null}
      <p class="hint" id={`${id}-hint`}>
        {fault && value !== "" ? <span class="fault">{parameter.name} {fault}. </span> : null}
        {parameter.description}
      </p>
    </div>
  );
}

function Topic(): JSX.Element {
  const isTyped = draft.channelId.value === null;
  const found = draft.channel.value;
  return (
    <>
      {isTyped ? (
        <div class="field">
          <label>
            Topic
            <input name="topic" value={draft.freeTopic.value} spellcheck={false} autocomplete="off" autocapitalize="none"
              placeholder="orders/abc123/status" onInput={(event) => (draft.freeTopic.value = event.currentTarget.value)} />
          </label>
          <p class="hint">{found ? <>It belongs to {hasTitle(found) ? <><strong>{found.title}</strong>: </> : null}<code>{found.address}</code></> : "It belongs to no channel that you may see."}</p>
        </div>
      ) : null}
      {!isTyped && found && found.parameters.length > 0
        ? <div class="fields">{found.parameters.map((it) => <ParameterField key={it.name} parameter={it} />)}</div> : null}
      {isTyped ? null : (
        <p class="topic-line"><span class="muted">Topic</span> <code>{draft.topic.value}</code> <Copy text={draft.topic.value} label="Copy the topic" /></p>
      )}
    </>
  );
}

const FORMS: [draft.Form, string][] = [["json", "JSON"], ["text", "Text"], ["hex", "Hex"], ["base64", "Base64"], ["file", "File"]];

function PayloadBar(): JSX.Element {
  const at = draft.channel.value;
  const messages = at ? messagesOf(at, "send") : [];
  const shown = messages.filter(({ key }) => !draft.picked.value || key === draft.picked.value);
  const examples = shown.flatMap((message) => message.examples);
  return (
    <div class="bar">
      <div class="segmented" role="group" aria-label="Payload as">
        {FORMS.map(([id, label]) => (
          <button key={id} type="button" aria-pressed={draft.form.value === id} onClick={() => draft.showAs(id)}>{label}</button>
        ))}
      </div>
      {messages.length > 1 ? (
        <select class="small" aria-label="Message" value={draft.picked.value ?? ""} onChange={(event) => (draft.picked.value = event.currentTarget.value || null)}>
          <option value="">any message</option>
          {messages.map(({ key, title }) => <option key={key} value={key}>{title}</option>)}
        </select>
      ) : null}
      {at ? (
        <select class="small" aria-label="Example" value="" onChange={(event) => {
          const which = event.currentTarget.value;
          event.currentTarget.value = "";
          draft.useExample(which === "least" ? null : examples[Number(which)] ?? null);
        }}>
          <option value="">Fill with…</option>
          {examples.map((it, i) => <option key={it.name} value={String(i)}>{it.summary ? `${it.name}: ${it.summary}` : it.name}</option>)}
          {draft.plain.value || examples.length === 0 ? <option value="least">what is required</option> : null}
        </select>
      ) : null}
      {draft.form.value === "json" ? (
        <>
          <button type="button" class="small" onClick={draft.freshenDraft} disabled={!draft.plain.value} title="All times of the payload become now">Times: now</button>
          <button type="button" class="small" title="Set out in lines" onClick={() => {
            draft.text.value = prettyOf(draft.text.value) ?? draft.text.value;
          }}>Tidy</button>
        </>
      ) : null}
    </div>
  );
}

function FilePicker(): JSX.Element {
  const file = draft.file.value;
  return (
    <label class="file">
      File
      <input type="file" onChange={(event) => {
        const picked = event.currentTarget.files?.[0];
        if (picked) void picked.arrayBuffer().then((buffer) => (draft.file.value = { name: picked.name, bytes: new Uint8Array(buffer) }));
      }} />
      {file ? <span class="hint">{file.name}, {sizeInWords(file.bytes.length)}</span> : null}
    </label>
  );
}

/** What is wrong, as a way to its place; what is misspelt is put right by a press. */
function Fault({ mark, children }: { mark: Mark; children: ComponentChildren }): JSX.Element {
  const { mend } = mark;
  return (
    <>
      <button type="button" class="plain" onClick={() => handle.current?.goTo(mark.from, mark.to)}>{children}</button>
      {mend ? <button type="button" class="small" title="Alt+Enter in the editor does the same" onClick={() => handle.current?.mend(mend)}>{mend.label}</button> : null}
    </>
  );
}

function Payload({ onSend }: { onSend: () => void }): JSX.Element {
  const marks = draft.marks.value;
  const bytes = draft.payload.value;
  const max = contract.value ? payloadMax(contract.value, draft.channel.value) : 0;
  const message = draft.checked.value.message;
  const messages = draft.channel.value ? messagesOf(draft.channel.value, "send") : [];
  return (
    <div class="payload">
      <h3 id="payload-title">Payload</h3>
      <PayloadBar />
      {draft.form.value === "file" ? <FilePicker /> : (
        <Editor label="Payload" text={draft.text} plain={draft.form.value === "json" ? draft.plain.value : null}
          isJson={draft.form.value === "json"} marks={marks} onSend={onSend} handle={handle} />
      )}
      <p class="hint below">
        <span class={bytes && max && bytes.length > max ? "fault" : ""}>{bytes ? `${bytes.length} of ${max} bytes` : "no bytes"}</span>
        {message && messages.length > 1 ? <> · {draft.picked.value ? "held against" : "nearest to"} <strong>{message.title}</strong></> : null}
        {draft.form.value === "json" && draft.plain.value ? <> · Ctrl+Space offers members and values</> : null}
        {marks.some(({ mend }) => mend) ? <> · Alt+Enter mends what is misspelt</> : null}
        {draft.channel.value && !draft.plain.value && draft.form.value === "json" ? <> · not held against a schema here</> : null}
      </p>
      {marks.length > 0 ? (
        <ul class="faults" aria-label="What is wrong">
          {marks.slice(0, 20).map((mark, i) => (
            <li key={i}>
              <Icon name={mark.isBrokers ? "ban" : "warn"} />
              <span><Fault mark={mark}>{mark.message}</Fault>{mark.isBrokers ? <span class="muted"> the broker says so</span> : null}</span>
            </li>
          ))}
          {marks.length > 20 ? <li>and {marks.length - 20} more</li> : null}
        </ul>
      ) : null}
    </div>
  );
}

function HowToSend(): JSX.Element {
  const op = draft.operation.value;
  return (
    <div class="how">
      <fieldset class="segmented">
        <legend>QoS</legend>
        {([0, 1, 2] as Qos[]).map((level) => (
          <label key={level} class={op && level < op.qos ? "doubtful" : ""}>
            <input type="radio" name="qos" value={level} checked={draft.qos.value === level} onChange={() => (draft.qos.value = level)} />
            <span>{level}</span>
          </label>
        ))}
      </fieldset>
      <label class="tick">
        <input type="checkbox" name="retain" checked={draft.retain.value} onChange={(event) => (draft.retain.value = event.currentTarget.checked)} />
        Retain
      </label>
      {op ? <span class="hint">{op.qos === 0 ? "any QoS" : `QoS ${qosInWords(op.qos)}`}, {retainInWords(op.retain)}</span> : null}
    </div>
  );
}

function PropertiesForm(): JSX.Element {
  const now = draft.properties.value;
  const set = (change: Partial<Properties>) => (draft.properties.value = { ...now, ...change });
  const users = now.userProperties ?? [];
  const setUser = (i: number, pair: [string, string] | null) =>
    set({ userProperties: pair ? users.map((it, k) => (k === i ? pair : it)) : users.filter((_, k) => k !== i) });
  const count = Object.values(now).filter((it) => it !== undefined && it !== "" && it !== false).length;
  const word = (name: "contentType" | "responseTopic" | "correlationData", label: string, hint: string) => (
    <label>{label}<input name={name} value={now[name] ?? ""} placeholder={hint} spellcheck={false}
      onInput={(event) => set({ [name]: event.currentTarget.value || undefined })} /></label>
  );
  return (
    <details class="properties">
      <summary>MQTT 5 properties{count > 0 ? ` (${count})` : ""}</summary>
      <div class="fields">
        {word("contentType", "Content type", draft.checked.value.message?.contentType ?? "application/json")}
        {word("responseTopic", "Response topic", "replies/me")}
        {word("correlationData", "Correlation data", "7")}
        <label>Message expiry, s
          <input name="expiry" type="number" min="0" max="4294967295" value={now.messageExpiryInterval ?? ""}
            onInput={(event) => set({ messageExpiryInterval: event.currentTarget.value === "" ? undefined : Number(event.currentTarget.value) })} />
        </label>
      </div>
      <label class="tick">
        <input type="checkbox" checked={now.payloadFormatIndicator === true}
          onChange={(event) => set({ payloadFormatIndicator: event.currentTarget.checked || undefined })} />
        Payload format: say that it is UTF-8 text
      </label>
      {users.map(([name, value], i) => (
        <div class="user-property" key={i}>
          <input aria-label={`User property ${i + 1}: name`} value={name} placeholder="name" onInput={(event) => setUser(i, [event.currentTarget.value, value])} />
          <input aria-label={`User property ${i + 1}: value`} value={value} placeholder="value" onInput={(event) => setUser(i, [name, event.currentTarget.value])} />
          <button type="button" class="icon-button" aria-label={`Remove user property ${i + 1}`} onClick={() => setUser(i, null)}><Icon name="close" /></button>
        </div>
      ))}
      <button type="button" class="small" onClick={() => set({ userProperties: [...users, ["", ""]] })}><Icon name="plus" /> User property</button>
    </details>
  );
}

/** A colleague who opens the link finds the message prepared. */
function CopyLink(): JSX.Element {
  const [said, say] = useState("");
  return (
    <button type="button" aria-label={said || "Copy link"} onClick={() => {
      void copyText(location.href.replace(/#.*$/, "") + tryLink(draft.preparedDraft())).then((isDone) => {
        say(isDone ? "Copied" : "Could not copy");
        setTimeout(() => say(""), 1500);
      });
    }}><Icon name="link" /> {said || "Copy link"}<span class="live" role="status">{said}</span></button>
  );
}

function sendDraft(): void {
  const bytes = draft.payload.value;
  if (!bytes || !draft.isSendable.value || !isOn.value) return;
  const at = draft.channel.value;
  void send({
    topic: draft.topic.value, payload: bytes, text: draft.form.value === "json" || draft.form.value === "text" ? draft.text.value : null,
    qos: draft.qos.value, retain: draft.retain.value, properties: draft.properties.value,
    isRecorded: at ? at.raw["x-record"] !== false : null,
  });
}

/** What the broker says against @it, each as a way to its place while the text is still there. */
function Reason({ it }: { it: Sent }): JSX.Element | null {
  const notice = "notice" in it.answer ? it.answer.notice : null;
  if (!notice) return null;
  if (!notice.errors?.length) return <p class="detail">{notice.detail}</p>;
  const read = readJson(it.text ?? "");
  const isHere = it.text !== null && it.text === draft.text.value;
  const marks = marksOf(read, toldOf(it.topic === draft.topic.value ? draft.plain.value : null, read.value, [], notice.errors));
  const [first, ...more] = marks.map((mark) => (isHere ? <Fault key={mark.message} mark={mark}>{mark.message}</Fault> : <>{mark.message}</>));
  return (
    <>
      <p class="detail">{first}</p>
      {more.length > 0 ? <ul class="reasons">{more.map((it, i) => <li key={i}>{it}</li>)}</ul> : null}
    </>
  );
}

/** Is what the form has another message than that one? */
const isChanged = (it: Sent): boolean =>
  it.topic !== draft.topic.value || (it.text !== null && it.text !== draft.text.value)
  || it.qos !== draft.qos.value || it.retain !== draft.retain.value;

export const sendAgain = (it: Sent): void => void send(it);

export function Publish(): JSX.Element {
  const form = useRef<HTMLFormElement>(null);
  const isRight = draft.isRight.value;
  const last = sent.value[0];
  const came = draft.cameByLink.value;
  const answer = useRef<HTMLDivElement>(null);
  const seen = useRef(last?.n);
  useEffect(() => {
    // What was sent just now is answered below the button, mostly out of sight; an older answer moves nothing.
    if (!last || last.n === seen.current) return;
    if (last.answer.is !== "waiting") seen.current = last.n;
    answer.current?.scrollIntoView({ block: "nearest" });
  }, [last?.n, last?.answer.is]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return; // the editor has its own
      event.preventDefault();
      sendDraft();
    };
    const at = form.current!;
    at.addEventListener("keydown", onKey);
    return () => at.removeEventListener("keydown", onKey);
  }, []);
  return (
    <section class="panel publish" aria-labelledby="publish-title">
      <h2 id="publish-title">Publish</h2>
      {came ? <Note tone={came.tone}>{came.words} <button type="button" class="small" onClick={() => (draft.cameByLink.value = null)}>Understood</button></Note> : null}
      <form ref={form} onSubmit={(event) => {
        event.preventDefault();
        sendDraft();
      }}>
        <ChannelPicker />
        <Topic />
        <Status />
        <Payload onSend={sendDraft} />
        <HowToSend />
        <PropertiesForm />
        <ul class="complaints" aria-label="What the contract says against it">
          {draft.complaints.value.map(({ words, tone }) => <li key={words} class={tone}><Icon name="warn" /> {words}</li>)}
          {stepAgainst.value ? <li class="warn"><Icon name="warn" /> {stepAgainst.value}</li> : null}
        </ul>
        <div class="row send-row">
          <button class={isRight ? "primary" : "primary doubtful"} disabled={!isOn.value || !draft.isSendable.value} title="Ctrl+Enter">
            <Icon name="send" /> {isRight ? "Send" : "Send all the same"}
          </button>
          <CopyLink />
          {isRight && draft.isUnsure.value ? <span class="hint">Not held against the contract here; the broker decides.</span>
            : isRight && stepAgainst.value ? <span class="hint">The payload is right; the broker decides about the step.</span>
            : isRight ? <Badge tone="good">fits the contract</Badge> : <span class="hint">The contract is against it; the broker decides, and says why.</span>}
        </div>
      </form>
      <div ref={answer} class="answer" role="status" aria-label="The broker's answer">
        {last && isChanged(last) ? <p class="hint">About what was sent at <Time at={last.at} />; it has been changed since.</p> : null}
        {last ? <AnswerView it={last} reason={<Reason it={last} />} /> : null}
      </div>
      <SentLog onAgain={sendAgain} />
    </section>
  );
}
