import type { Mutant } from "./mutant.ts";

/** What may go wrong in the parts that all services share: transactions, outbox, inbox, broker. */
export const chassisMutants: readonly Mutant[] = [
  {
    name: "ack-before-commit",
    sentence: "A message is acknowledged before its effect is committed.",
    edits: [
      {
        path: "chassis/src/broker/amqp-subscriber.ts",
        from: "    const work = deliver(session, raw).then((done) => {\n",
        to: "    channel.ack(raw);\n    const work = deliver(session, raw).then((done) => {\n",
      },
      {
        path: "chassis/src/broker/amqp-subscriber.ts",
        from: "      if (done && session.alive) channel.ack(raw);\n",
        to: "      if (!done) return;\n",
      },
    ],
  },
  {
    name: "outbox-outside-the-transaction",
    sentence: "Events are appended to the outbox in a transaction of their own, after the change that causes them.",
    edits: [
      {
        path: "chassis/src/storage/unit-of-work.ts",
        from: "    if (done.events !== undefined) outbox.append(done.events, now(), trace);\n",
        to: `    const events = done.events;
    if (events !== undefined) {
      setTimeout(() => void database.transact(() => outbox.append(events, now(), trace)), 20);
    }
`,
      },
    ],
  },
  {
    name: "no-inbox",
    sentence: "A message is handled again whenever it comes again.",
    edits: [
      {
        path: "chassis/src/storage/unit-of-work.ts",
        from: `        if (!inboxClaims.claim(message)) return "duplicate";\n`,
        to: "        inboxClaims.claim(message);\n",
      },
    ],
  },
  {
    name: "claim-without-its-effect",
    sentence: "A message is claimed in a transaction of its own, before its effect.",
    edits: [
      {
        path: "chassis/src/storage/unit-of-work.ts",
        from: `    return database.transact(
      () => {
        if (!inboxClaims.claim(message)) return "duplicate";
`,
        to: `    if (!(await database.transact(() => inboxClaims.claim(message)))) return "duplicate";
    return database.transact(
      () => {
`,
      },
    ],
  },
  {
    name: "mark-before-confirm",
    sentence: "An event is marked as sent when it is handed to the connection, not when the broker has it.",
    edits: [
      {
        path: "chassis/src/broker/relay.ts",
        from: `    busyAggregates.add(row.aggregate);
    underWay += 1;
`,
        to: `    busyAggregates.add(row.aggregate);
    unmarked.push({ seq, type: row.type });
    void mark();
    underWay += 1;
`,
      },
    ],
  },
  {
    name: "ignored-return",
    sentence: "A message that no queue took counts as confirmed.",
    edits: [
      {
        path: "chassis/src/broker/amqp-publisher.ts",
        from: `channel.on("return", (message) => next.returned.add(String(message.properties.messageId)));`,
        to: `channel.on("return", () => {});`,
      },
    ],
  },
  {
    name: "answer-before-commit",
    sentence: "A caller is answered before its change is on disk.",
    edits: [
      {
        path: "chassis/src/storage/group-commit.ts",
        from: "    const failure = commit(outcomes);\n",
        to: `    setTimeout(() => {
      if (sqlite.inTransaction) commit([]);
    }, 30);
    const failure = undefined;
`,
      },
      {
        path: "chassis/src/storage/group-commit.ts",
        from: "      statements.begin.run();\n",
        to: "      if (!sqlite.inTransaction) statements.begin.run();\n",
      },
    ],
  },
  {
    name: "no-request-claim",
    sentence: "A repeated request is carried out again.",
    edits: [
      {
        path: "chassis/src/storage/unit-of-work.ts",
        from: "      if (claim === undefined) return commit(work);\n",
        to: `      if (claim === undefined || claim.requestId !== "") return commit(work);\n`,
      },
    ],
  },
  {
    name: "two-relays",
    sentence: "Every process on a database publishes, not only the one that holds the lock.",
    edits: [
      {
        path: "chassis/src/storage/leader-lock.ts",
        from: `      connection?.exec("BEGIN EXCLUSIVE");\n`,
        to: `      connection?.exec("BEGIN");\n`,
      },
    ],
  },
  {
    name: "order-of-an-aggregate",
    sentence: "Events of one aggregate are under way at the same time, so that they may overtake each other.",
    edits: [
      {
        path: "chassis/src/broker/relay.ts",
        from: "      if (underWay >= windowMax || busyAggregates.has(row.aggregate)) kept.push(row);",
        to: "      if (underWay >= windowMax) kept.push(row);",
      },
    ],
  },
  {
    name: "poison-forgotten",
    sentence: "A message whose handler fails for the last time is not parked.",
    edits: [
      {
        path: "chassis/src/broker/consumer.ts",
        from: "    if (counts && attempts >= attemptsMax) {\n      await park(message, cause, 1);\n",
        to: "    if (counts && attempts >= attemptsMax) {\n",
      },
    ],
  },
];
