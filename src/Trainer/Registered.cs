using System.Reflection;

namespace Quorate.Trainer;

/// <summary>
/// Registers a class under its name in run files, a member of an enum in Shared/Runs/TrainingPlan.cs. That member and
/// the class are all that a new model, data set or partitioner needs.
/// </summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
internal sealed class RegisteredAttribute<TName>(TName name) : Attribute
    where TName : struct, Enum
{
    public TName Name => name;
}

/// <summary>Makes objects of the registered classes.</summary>
internal static class Registered<TName, T>
    where TName : struct, Enum
    where T : class
{
    /// <summary>Invariant: one class for each name. A test looks.</summary>
    private static readonly Dictionary<TName, Type> _types = (
        from type in typeof(Registered<TName, T>).Assembly.GetTypes()
        let registered = type.GetCustomAttribute<RegisteredAttribute<TName>>()
        where registered is not null
        select (registered.Name, type)).ToDictionary();

    public static IEnumerable<TName> Names => _types.Keys;

    public static T Create(TName name) => (T)Activator.CreateInstance(_types[name])!;
}
