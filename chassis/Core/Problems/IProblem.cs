namespace Chassis;

/// <summary>An exception that knows which answer it is.</summary>
public interface IProblem
{
    ProblemException ToProblem();
}
