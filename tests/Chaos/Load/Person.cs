namespace Shop.Chaos.Load;

/// <summary>A customer who is going to be erased.</summary>
/// <param name="Marker">
/// A word that is nobody else's: in the address, the e-mail address and most of the names. Where it is found, something of the person is left.
/// </param>
/// <param name="FullName">The name.</param>
/// <param name="Street">Where the person lives.</param>
/// <param name="Words">Name and street as they may be in other people's messages: a product, a word, somebody with the same name.</param>
/// <param name="Customer">The account.</param>
public sealed record Person(string Marker, string FullName, string Street, (string Name, string Street) Words, Customer Customer)
{
    /// <summary>By turns: one called like a product, one in a street that is a word of other orders, one with a name in another alphabet.</summary>
    public static Person Make(int number, string marker, Customer customer) => (number % 3) switch
    {
        0 => new Person(marker, "item-01", $"{marker} Street 1", ("item-01", "item-01"), customer),
        1 => new Person(marker, marker, "Order", ("Order", "Order"), customer),
        _ => new Person(marker, $"Zoë Łukasiewicz-Müller {marker}", $"Straße der Ähren {marker}", ("Zoë Łukasiewicz-Müller", "Straße der Ähren"), customer),
    };

    /// <summary>The shipping address.</summary>
    public object Address => new { name = FullName, line1 = Street, line2 = $"at {Marker}", city = "Wrocław", postalCode = "50-001", country = "PL" };
}
