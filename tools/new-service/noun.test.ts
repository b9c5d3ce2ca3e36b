import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { fillTemplate } from "./fill-template.ts";
import { NameError, readNoun, takesAn } from "./noun.ts";

describe("readNoun", () => {
  it("spells a noun in every way that the code does", () => {
    assert.deepEqual(readNoun("gift-card"), {
      one: {
        kebab: "gift-card",
        snake: "gift_card",
        camel: "giftCard",
        pascal: "GiftCard",
        screaming: "GIFT_CARD",
        phrase: "gift card",
      },
      many: {
        kebab: "gift-cards",
        snake: "gift_cards",
        camel: "giftCards",
        pascal: "GiftCards",
        screaming: "GIFT_CARDS",
        phrase: "gift cards",
      },
    });
  });

  for (const [name, plural] of [
    ["review", "reviews"],
    ["category", "categories"],
    ["day", "days"],
    ["address", "addresses"],
    ["box", "boxes"],
    ["wish", "wishes"],
    ["bonus", "bonuses"],
  ] as const) {
    it(`makes ${plural} of ${name}`, () => {
      assert.equal(readNoun(name).many.kebab, plural);
    });
  }

  it("takes the plural that is given", () => {
    assert.equal(readNoun("person", "people").many.pascal, "People");
    assert.equal(readNoun("lens", "lenses").many.kebab, "lenses");
  });

  for (const [name, plural, sentence] of [
    ["review-svc", "", /^NAME is the noun alone: review, not review-svc\.$/],
    ["reviews", "", /^"reviews" looks like a plural/],
    ["Review", "", /"Review" is none\.$/],
    ["gift_card", "", /"gift_card" is none\.$/],
    ["gift--card", "", /"gift--card" is none\.$/],
    ["2nd-hand", "", /"2nd-hand" is none\.$/],
    ["../review", "", /"\.\.\/review" is none\.$/],
    ["a".repeat(31), "", /up to 30 letters/],
    ["person", "People", /^PLURAL is a noun .*"People" is none\.$/],
    ["sheep", "sheep", /^NAME and PLURAL have to differ/],
  ] as const) {
    it(`refuses ${name}${plural && ` with the plural ${plural}`} in one sentence`, () => {
      assert.throws(
        () => readNoun(name, plural),
        (error) => error instanceof NameError && sentence.test(error.message) && !error.message.includes("\n"),
      );
    });
  }
});

describe("takesAn", () => {
  it("goes by how a noun is spoken", () => {
    const spoken = ["invoice", "address", "unit", "user-group", "review", "one-off"];
    assert.deepEqual(
      spoken.filter((name) => takesAn(readNoun(name).one)),
      ["invoice", "address"],
    );
  });
});

describe("fillTemplate", () => {
  const filling = { ...readNoun("gift-card"), ports: { rpc: 1, http: 2 } };

  it("replaces each spelling by the same spelling, and the ports", () => {
    const template =
      "sample-items sampleItem SampleItems SAMPLE_ITEM sample_items Sample items a sample item 50099 8099";
    const filled = "gift-cards giftCard GiftCards GIFT_CARD gift_cards Gift cards a gift card 1 2";
    assert.equal(fillTemplate(template, filling), filled);
  });

  it("puts the right article before the noun", () => {
    const invoice = { ...readNoun("invoice"), ports: filling.ports };
    assert.equal(
      fillTemplate("A sample item, aSampleItem, the sample item", invoice),
      "An invoice, anInvoice, the invoice",
    );
  });

  it("makes room for the longest name of the collection", () => {
    const text = 'pattern: "^sampleItems/[a-zA-Z0-9-]{1,64}$"\nmax_len: 76\nmax_len: 200';
    assert.match(fillTemplate(text, filling), /giftCards\/[^\n]*\nmax_len: 74\nmax_len: 200$/);
  });
});
