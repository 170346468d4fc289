using System.Reflection;

namespace Chassis.Testing;

/// <summary>Something of a type where any will do: a record with every member filled, a service that takes whatever it is asked for as done.</summary>
public static class AnyValue
{
    /// <summary>What stands where text can be.</summary>
    public const string Text = "text";

    public static T Of<T>() => (T)Of(typeof(T));

    /// <param name="type">A simple type, a list, an interface of a service, or a record, which its constructor makes of such.</param>
    public static object Of(Type type) =>
        type == typeof(string) ? Text
        : type == typeof(int) ? 1
        : Nullable.GetUnderlyingType(type) is { } value ? Of(value)
        : type.IsValueType ? Activator.CreateInstance(type)!
        : type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) ? List(type.GetGenericArguments()[0])
        : type.IsInterface ? DispatchProxy.Create(type, typeof(Doing))
        : type.GetConstructors() is [var constructor, ..] ? constructor.Invoke([.. constructor.GetParameters().Select(p => Of(p.ParameterType))])
        : throw new NotSupportedException($"{type}: nothing here can make one.");

    private static Array List(Type of)
    {
        var list = Array.CreateInstance(of, 1);
        list.SetValue(Of(of), 0);
        return list;
    }

    /// <summary>What a service does that only a test has.</summary>
    public class Doing : DispatchProxy
    {
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            var answer = targetMethod!.ReturnType;
            return answer.IsGenericType ? typeof(Doing).GetMethod(nameof(LaterAsync))!.MakeGenericMethod(answer.GetGenericArguments()[0]).Invoke(null, null)
                : Task.CompletedTask;
        }

        public static Task<T> LaterAsync<T>() => Task.FromResult(Of<T>());
    }
}
