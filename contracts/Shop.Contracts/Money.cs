using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Contracts.Events;

namespace Shop.Contracts;

/// <summary>An exact amount in one currency: <c>{"amount": "19.99", "currency": "EUR"}</c>.</summary>
/// <param name="Amount">A decimal number, as a string on the wire; never negative.</param>
/// <param name="Currency">ISO 4217 code.</param>
public sealed record Money([property: JsonConverter(typeof(DecimalStringConverter))] decimal Amount, [RegularExpression("^[A-Z]{3}$")] string Currency);
