import { DomainError } from "@quartet/chassis/domain-error";

const cardDigitsMin = 13;
const cardDigitsMax = 19;

/**
 * Refuses a payment token that holds what can be a card number: a run of 13 to 19 digits, written together or in groups,
 * whose check digit is right. Throws DomainError invalid CARD_NUMBER_REFUSED, which does not repeat the token.
 */
export function refuseCardNumber(paymentToken: string): void {
  const together = paymentToken.match(/\d+/g) ?? [];
  const inGroups = paymentToken.match(/\d+(?:[-_]\d+)*/g) ?? [];
  for (const run of [...together, ...inGroups]) {
    const digits = run.replace(/[-_]/g, "");
    if (digits.length >= cardDigitsMin && digits.length <= cardDigitsMax && passesLuhn(digits)) {
      const description = "must be a reference to a means of payment, never a card number";
      throw new DomainError("invalid", "CARD_NUMBER_REFUSED", `payment_token ${description}`, {
        fields: [{ field: "payment_token", description }],
      });
    }
  }
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let place = 0; place < digits.length; place++) {
    const digit = Number(digits[digits.length - 1 - place]);
    const weighted = place % 2 === 1 ? digit * 2 : digit;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}
