namespace Contracts.Events;

/// <summary>
/// Says of a text in a contract that it tells something of a person. When the person is erased, it is replaced wherever messages of that person are kept;
/// what is not marked stays readable. Ids are never marked: they hold a history together whose texts are gone.
/// </summary>
[AttributeUsage(AttributeTargets.Parameter | AttributeTargets.Property)]
public sealed class PersonalDataAttribute : Attribute;
