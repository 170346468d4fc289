using Chassis;
using Users.Domain;

namespace Users;

/// <summary>The account refused; the caller gets the reason.</summary>
internal sealed class UserRefusedException(UserError error) : Exception(error.Message), IProblem
{
    public UserError Error { get; } = error;

    public ProblemException ToProblem() => ProblemException.Conflict(Error.Code, Error.Message);
}
