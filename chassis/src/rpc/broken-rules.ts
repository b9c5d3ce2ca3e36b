import { type DescMessage, getOption, isMessage, type Message } from "@bufbuild/protobuf";
import { isReflectMessage, pathToString, reflect } from "@bufbuild/protobuf/reflect";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import type { ValidationError, Violation } from "@bufbuild/protovalidate";
import { field as fieldRules } from "@quartet/proto/buf/validate/validate_pb";
import { type DomainError, invalidFields } from "../domain-error.ts";
import { maskProblem } from "./update-mask.ts";

/**
 * The `invalid` error INVALID_FIELDS for a request that breaks rules of the contract: it names each field and says what
 * is wrong with it. `request` is undefined where it is not known, as in a stream.
 */
export function brokenRules(error: ValidationError, schema: DescMessage, request: Message | undefined): DomainError {
  const [first = { field: "", description: "invalid request" }, ...others] = error.violations.map((violation) => ({
    field: pathToString(violation.field),
    description: wrongMask(violation, schema, request) ?? violation.message,
  }));
  return invalidFields([first, ...others], error);
}

// protovalidate says which paths a mask may have, and not which one it must not.
function wrongMask(violation: Violation, schema: DescMessage, request: Message | undefined): string | undefined {
  const [field] = violation.field;
  if (violation.ruleId !== "field_mask.in" || request === undefined || field?.kind !== "field") return undefined;
  const { type: rules } = getOption(field, fieldRules);
  const mask: unknown = reflect(schema, request).get(field);
  if (rules.case !== "fieldMask" || !isReflectMessage(mask)) return undefined;
  return isMessage(mask.message, FieldMaskSchema) ? maskProblem(mask.message.paths, rules.value.in) : undefined;
}
